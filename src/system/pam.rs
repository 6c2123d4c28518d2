//! libpam: loaded at run time, and only where somebody is to be authenticated.
//!
//! hitl is not linked to it: PAM and the name service are most of what sudo's start costs, a host
//! without PAM can still run hitl, and building needs no C headers. The numbers are those of
//! Linux-PAM's `security/_pam_types.h`, which are its ABI.
#![allow(unsafe_code)] // A C library: loading it, calling it, and being called by it.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use zeroize::Zeroize;

use super::Secret;

/// The library's name for the loader. Not a path: the loader's own trusted directories are searched,
/// and in a setuid start no variable of the caller's (ld.so(8), secure-execution mode).
const LIBRARY: &CStr = c"libpam.so.0";

const SUCCESS: c_int = 0;
const BUFFER_ERROR: c_int = 5;
const CONVERSATION_ERROR: c_int = 19;
const USER: c_int = 2;
const TERMINAL: c_int = 3;
const REMOTE_USER: c_int = 8;
const DISALLOW_NULL_AUTHTOK: c_int = 1;
/// `PAM_MAX_NUM_MSG`.
const MOST_MESSAGES: c_int = 32;

/// Something that a PAM module says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// A question whose answer must not be seen.
    Hidden,
    /// A question whose answer may be seen.
    Shown,
    /// A problem.
    Error,
    /// Information.
    Information,
}

/// How what a module says was taken.
pub enum Reply {
    /// This is the answer.
    Answer(Secret),
    /// It was heard; there is nothing to say to it.
    Heard,
    /// There will be no answer: the module is to give up.
    GiveUp,
}

/// Whoever listens to the modules.
pub type Listener<'l> = dyn FnMut(Style, &[u8]) -> Reply + 'l;

/// What PAM failed with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PamError {
    /// PAM's return value.
    pub code: c_int,
    /// What PAM calls it.
    pub text: String,
}

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    unused: c_int,
}

type Converse =
    unsafe extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int;

#[repr(C)]
struct Conversation {
    converse: Converse,
    data: *mut c_void,
}

type Handle = *mut c_void;
type Start =
    unsafe extern "C" fn(*const c_char, *const c_char, *const Conversation, *mut Handle) -> c_int;
type WithFlags = unsafe extern "C" fn(Handle, c_int) -> c_int;
type SetItem = unsafe extern "C" fn(Handle, c_int, *const c_void) -> c_int;
type GetItem = unsafe extern "C" fn(Handle, c_int, *mut *const c_void) -> c_int;
type ErrorText = unsafe extern "C" fn(Handle, c_int) -> *const c_char;

/// libpam, loaded. It stays so until the process ends.
pub struct Library {
    start: Start,
    authenticate: WithFlags,
    account: WithFlags,
    end: WithFlags,
    set_item: SetItem,
    get_item: GetItem,
    error_text: ErrorText,
}

impl Library {
    /// Loads it.
    ///
    /// # Errors
    /// What the loader says.
    pub fn load() -> Result<Self, String> {
        // SAFETY: a C string; the library's constructors run, which is what loading it means.
        let library = unsafe { libc::dlopen(LIBRARY.as_ptr(), libc::RTLD_NOW) };
        if library.is_null() {
            return Err(loader_error());
        }
        // SAFETY: each symbol is cast to the type with which security/pam_appl.h declares it.
        unsafe {
            Ok(Self {
                start: symbol(library, c"pam_start")?,
                authenticate: symbol(library, c"pam_authenticate")?,
                account: symbol(library, c"pam_acct_mgmt")?,
                end: symbol(library, c"pam_end")?,
                set_item: symbol(library, c"pam_set_item")?,
                get_item: symbol(library, c"pam_get_item")?,
                error_text: symbol(library, c"pam_strerror")?,
            })
        }
    }

    fn text(&self, handle: Handle, code: c_int) -> String {
        // SAFETY: pam_strerror looks at the number alone and returns a static string, or null.
        let text = unsafe { (self.error_text)(handle, code) };
        if text.is_null() {
            return format!("error {code}");
        }
        // SAFETY: not null, and a C string that stays.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }
}

/// # Safety
/// `F` must be the type of the function of this name.
unsafe fn symbol<F: Copy>(library: *mut c_void, name: &CStr) -> Result<F, String> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) }
    // SAFETY: an open library and a C string.
    let found = unsafe { libc::dlsym(library, name.as_ptr()) };
    if found.is_null() {
        return Err(loader_error());
    }
    // SAFETY: the sizes agree, and the caller vouches for the type.
    Ok(unsafe { std::mem::transmute_copy(&found) })
}

fn loader_error() -> String {
    // SAFETY: dlerror returns null or a C string that holds until the next call of this thread.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "the loader does not say why".to_owned();
    }
    // SAFETY: not null, as was just seen, and copied at once.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// A PAM transaction: one account, one service. Ended when it is dropped.
pub struct Transaction<'t, 'l> {
    functions: &'t Library,
    handle: Handle,
    listener: *mut &'t mut Listener<'l>,
    /// The last return value: modules are told how it ended.
    last: c_int,
}

impl<'t, 'l> Transaction<'t, 'l> {
    /// Begins one.
    ///
    /// # Errors
    /// [`PamError`].
    pub fn start(
        functions: &'t Library,
        service: &CStr,
        user: &CStr,
        listener: &'t mut Listener<'l>,
    ) -> Result<Self, PamError> {
        let listener = Box::into_raw(Box::new(listener));
        let conversation = Conversation { converse, data: listener.cast() };
        let mut handle: Handle = ptr::null_mut();
        // SAFETY: C strings, and a conversation that PAM copies; its data stays until `drop`.
        let code = unsafe {
            (functions.start)(service.as_ptr(), user.as_ptr(), &raw const conversation, &mut handle)
        };
        let begun = Self { functions, handle, listener, last: code };
        begun.checked(code)?;
        Ok(begun)
    }

    /// Says at which terminal (`/dev/pts/3`) and on whose behalf.
    ///
    /// # Errors
    /// [`PamError`].
    pub fn describe(&mut self, terminal: Option<&CStr>, asked_by: &CStr) -> Result<(), PamError> {
        let items = [(TERMINAL, terminal), (REMOTE_USER, Some(asked_by))];
        for (item, text) in items.into_iter().filter_map(|(item, text)| Some((item, text?))) {
            // SAFETY: PAM copies the C string.
            let code =
                unsafe { (self.functions.set_item)(self.handle, item, text.as_ptr().cast()) };
            self.checked(code)?;
        }
        Ok(())
    }

    /// Lets the modules find out that it is them. Accounts without a password cannot be.
    ///
    /// # Errors
    /// [`PamError`].
    pub fn authenticate(&mut self) -> Result<(), PamError> {
        // SAFETY: a handle that was started and is not ended.
        self.last = unsafe { (self.functions.authenticate)(self.handle, DISALLOW_NULL_AUTHTOK) };
        self.checked(self.last)
    }

    /// Whether the account may be used at all: not expired, not shut out at this time.
    ///
    /// # Errors
    /// [`PamError`].
    pub fn check_account(&mut self) -> Result<(), PamError> {
        // SAFETY: as above.
        self.last = unsafe { (self.functions.account)(self.handle, DISALLOW_NULL_AUTHTOK) };
        self.checked(self.last)
    }

    /// Who was authenticated: modules may change it.
    pub fn user(&self) -> Option<CString> {
        let mut user: *const c_void = ptr::null();
        // SAFETY: PAM writes a pointer to a string of its own.
        let code = unsafe { (self.functions.get_item)(self.handle, USER, &mut user) };
        if code != SUCCESS || user.is_null() {
            return None;
        }
        // SAFETY: PAM_USER is a C string that stays until the next call; it is copied at once.
        Some(unsafe { CStr::from_ptr(user.cast()) }.to_owned())
    }

    fn checked(&self, code: c_int) -> Result<(), PamError> {
        if code == SUCCESS {
            return Ok(());
        }
        Err(PamError { code, text: self.functions.text(self.handle, code) })
    }
}

impl Drop for Transaction<'_, '_> {
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // SAFETY: started, ended once, not used again.
            unsafe { (self.functions.end)(self.handle, self.last) };
        }
        // SAFETY: made by `Box::into_raw` in `start`, and PAM, which held it, has ended.
        drop(unsafe { Box::from_raw(self.listener) });
    }
}

/// What modules call. They own, overwrite and free what is handed to them: pam_conv(3).
unsafe extern "C" fn converse(
    count: c_int,
    messages: *mut *const Message,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    if !(1..=MOST_MESSAGES).contains(&count) || messages.is_null() || responses.is_null() {
        return CONVERSATION_ERROR;
    }
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: `data` is what `start` passed, and nobody else uses it while PAM runs.
    let listener = unsafe { &mut *data.cast::<&mut Listener<'_>>() };
    // SAFETY: calloc of a small array.
    let replies: *mut Response = unsafe { libc::calloc(count, size_of::<Response>()) }.cast();
    if replies.is_null() {
        return BUFFER_ERROR;
    }
    for index in 0..count {
        // SAFETY: Linux-PAM passes an array of `count` pointers to messages, each with a C string.
        let (style, text) = unsafe {
            let message = &**messages.add(index);
            let text: &[u8] =
                if message.text.is_null() { b"" } else { CStr::from_ptr(message.text).to_bytes() };
            (message.style, text)
        };
        let style = match style {
            1 => Style::Hidden,
            2 => Style::Shown,
            3 => Style::Error,
            4 => Style::Information,
            // Radio buttons and binary prompts, which a terminal does not have.
            _ => return discard(replies, count, CONVERSATION_ERROR),
        };
        match listener(style, text) {
            Reply::Heard => {}
            Reply::GiveUp => return discard(replies, count, CONVERSATION_ERROR),
            Reply::Answer(answer) => {
                let Some(bytes) = answer.usable() else {
                    return discard(replies, count, CONVERSATION_ERROR);
                };
                // SAFETY: one byte more than is copied, which stays the closing zero.
                unsafe {
                    let copy: *mut c_char = libc::calloc(bytes.len() + 1, 1).cast();
                    if copy.is_null() {
                        return discard(replies, count, BUFFER_ERROR);
                    }
                    ptr::copy_nonoverlapping(bytes.as_ptr().cast(), copy, bytes.len());
                    (*replies.add(index)).text = copy;
                }
            }
        }
    }
    // SAFETY: checked not to be null; from here on it is the module's.
    unsafe { *responses = replies };
    SUCCESS
}

/// Overwrites and frees the answers that were given before one was not.
fn discard(replies: *mut Response, count: usize, code: c_int) -> c_int {
    // SAFETY: `converse` made the array and the C strings in it, and hands them to nobody.
    unsafe {
        for index in 0..count {
            let text = (*replies.add(index)).text;
            if !text.is_null() {
                std::slice::from_raw_parts_mut(text.cast::<u8>(), libc::strlen(text)).zeroize();
                libc::free(text.cast());
            }
        }
        libc::free(replies.cast());
    }
    code
}
