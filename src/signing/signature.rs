//! A signature in the format of OpenSSH's PROTOCOL.sshsig, version 1.

use sha2::{Digest as _, Sha256, Sha512};

use super::browser::Assertion;
use super::key::{KeyKind, PublicKey};
use super::wire::{Reader, put_string};
use super::{SignatureError, Verified, armour};
use crate::policy::Presence;

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;

/// What a browser calls its signatures. Its keys are called as those of hardware keys are.
const BROWSER: &[u8] = b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com";

/// Flags of a hardware key: it was touched; and it knew its user by a PIN or a fingerprint
/// (FIDO U2F raw message formats, and WebAuthn, section 6.1).
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;

/// A signature that is well-formed. It proves nothing before [`Signature::verify`].
#[derive(Clone, Debug)]
pub struct Signature {
    blob: Vec<u8>,
    key: PublicKey,
    namespace: Vec<u8>,
    hash: Hash,
    /// The bytes that the key's own mathematics is about.
    raw: Vec<u8>,
    hardware: Option<Hardware>,
}

/// How the message is hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hash {
    Sha256,
    Sha512,
}

/// What a hardware key adds to its signature, and signs with it.
#[derive(Clone, Debug)]
struct Hardware {
    application: String,
    flags: u8,
    counter: u32,
    browser: Option<Assertion>,
}

impl Signature {
    /// Reads a signature as `ssh-keygen -Y sign` writes it: the text from `-----BEGIN SSH SIGNATURE-----`
    /// to `-----END SSH SIGNATURE-----`, with nothing around it. Line ends may be CRLF throughout, and
    /// the last one may be missing.
    ///
    /// # Errors
    /// [`SignatureError`]: everything that is wrong about it, whatever it was made over.
    pub fn parse(armoured: &[u8]) -> Result<Self, SignatureError> {
        Self::from_blob(armour::open(armoured)?)
    }

    fn from_blob(blob: Vec<u8>) -> Result<Self, SignatureError> {
        let mut reader = Reader::new(&blob);
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(SignatureError::Armour("it is another kind of file"));
        }
        let version = reader.number()?;
        if version != VERSION {
            return Err(SignatureError::Version(version));
        }
        let key = PublicKey::from_blob(reader.string()?)?;
        let namespace = reader.string()?.to_vec();
        if !reader.string()?.is_empty() {
            return Err(SignatureError::Reserved);
        }
        let hash = match reader.string()? {
            b"sha256" => Hash::Sha256,
            b"sha512" => Hash::Sha512,
            other => return Err(SignatureError::Hash(String::from_utf8_lossy(other).into_owned())),
        };
        let inner = reader.string()?;
        reader.end()?;
        let (raw, hardware) = inner_signature(&key, inner)?;
        Ok(Self { key, namespace, hash, raw, hardware, blob })
    }

    /// The key that it claims to be made with. Whose key that is, the registry says.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The page that a browser says it was made on; nothing is believed of it before it is verified.
    pub fn origin(&self) -> Option<&str> {
        let browser = self.hardware.as_ref()?.browser.as_ref()?;
        Some(&browser.origin)
    }

    /// The text as stock ssh-keygen writes it: to be kept, whatever line ends it came with.
    pub fn armoured(&self) -> String {
        armour::close(&self.blob)
    }

    /// Whether it was made with its key, for this namespace, over exactly this message; and what it
    /// proves about the person who made it.
    ///
    /// A browser's signature must come from a page of one of `origins`, each written as browsers write
    /// it (`https://approve.example.com`). For others they do not matter.
    ///
    /// # Errors
    /// [`SignatureError`], a sentence that says what is wrong and what to do.
    pub fn verify(
        &self,
        namespace: &str,
        message: &[u8],
        origins: &[String],
    ) -> Result<Verified, SignatureError> {
        if self.namespace != namespace.as_bytes() {
            return Err(SignatureError::Namespace {
                found: String::from_utf8_lossy(&self.namespace).into_owned(),
                expected: namespace.to_owned(),
            });
        }
        let data = self.signed_data(message);
        let verifies = match &self.hardware {
            None => self.key.point().verifies(&data, &self.raw),
            Some(hardware) => {
                if let Some(browser) = &hardware.browser {
                    browser.check(&data, &hardware.application, hardware.flags, origins)?;
                }
                self.key.point().verifies(&hardware.signed_data(&data), &self.raw)
            }
        };
        if !verifies {
            return Err(SignatureError::NotOverThis(self.key.fingerprint()));
        }
        let hardware = self.hardware.as_ref();
        Ok(Verified {
            presence: hardware.map_or(Presence::Key, |hardware| presence(hardware.flags)),
            key: self.key.clone(),
            flags: hardware.map(|hardware| hardware.flags),
            counter: hardware.map(|hardware| hardware.counter),
            origin: hardware
                .and_then(|hardware| hardware.browser.as_ref())
                .map(|browser| browser.origin.clone()),
        })
    }

    /// What the key signs instead of the message.
    fn signed_data(&self, message: &[u8]) -> Vec<u8> {
        let mut data = MAGIC.to_vec();
        put_string(&mut data, &self.namespace);
        put_string(&mut data, b"");
        match self.hash {
            Hash::Sha256 => {
                put_string(&mut data, b"sha256");
                put_string(&mut data, &Sha256::digest(message));
            }
            Hash::Sha512 => {
                put_string(&mut data, b"sha512");
                put_string(&mut data, &Sha512::digest(message));
            }
        }
        data
    }
}

impl Hardware {
    /// What a hardware key signs where it is asked to sign this.
    fn signed_data(&self, data: &[u8]) -> Vec<u8> {
        let mut signed = Sha256::digest(self.application.as_bytes()).to_vec();
        signed.push(self.flags);
        signed.extend(self.counter.to_be_bytes());
        match &self.browser {
            None => signed.extend(Sha256::digest(data)),
            Some(browser) => {
                signed.extend(&browser.extensions);
                signed.extend(Sha256::digest(&browser.client_data));
            }
        }
        signed
    }
}

/// A hardware key that was not touched proves no more than a key in a file: that somebody's program
/// could use it. Nor does one that says it knew its user and was not touched.
fn presence(flags: u8) -> Presence {
    match (flags & USER_PRESENT != 0, flags & USER_VERIFIED != 0) {
        (false, _) => Presence::Key,
        (true, false) => Presence::Touch,
        (true, true) => Presence::Verify,
    }
}

/// The signature within the signature: the bytes for the key, and what a hardware key adds.
fn inner_signature(
    key: &PublicKey,
    bytes: &[u8],
) -> Result<(Vec<u8>, Option<Hardware>), SignatureError> {
    let mut reader = Reader::new(bytes);
    let algorithm = reader.string()?;
    let from_browser = key.kind() == KeyKind::SkEcdsaP256 && algorithm == BROWSER;
    if !from_browser && algorithm != key.kind().algorithm().as_bytes() {
        return Err(SignatureError::OtherAlgorithm {
            key: key.kind().algorithm(),
            signature: String::from_utf8_lossy(algorithm).into_owned(),
        });
    }
    let raw = reader.string()?.to_vec();
    let hardware = match key.application() {
        None => None,
        Some(application) => Some(Hardware {
            application: application.to_owned(),
            flags: reader.byte()?,
            counter: reader.number()?,
            browser: if from_browser { Some(assertion(&mut reader)?) } else { None },
        }),
    };
    reader.end()?;
    Ok((raw, hardware))
}

fn assertion(reader: &mut Reader<'_>) -> Result<Assertion, SignatureError> {
    let origin = std::str::from_utf8(reader.string()?)
        .map_err(|_| SignatureError::ClientData("its origin is no text"))?;
    Ok(Assertion {
        origin: origin.to_owned(),
        client_data: reader.string()?.to_vec(),
        extensions: reader.string()?.to_vec(),
    })
}
