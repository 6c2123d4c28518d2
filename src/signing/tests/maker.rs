//! Makes signatures of every kind by their own mathematics, also such as no honest program makes.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256, Sha512};

use crate::signing::wire::put_string;
use crate::signing::{NAMESPACE, PublicKey, armour};

pub(super) const ORIGIN: &str = "https://approve.example.com";

/// The kinds of signatures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Ed25519,
    EcdsaP256,
    SkEd25519,
    SkEcdsaP256,
    Browser,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Ed25519, Self::EcdsaP256, Self::SkEd25519, Self::SkEcdsaP256, Self::Browser];

    fn key_algorithm(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::EcdsaP256 => "ecdsa-sha2-nistp256",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::SkEcdsaP256 | Self::Browser => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    fn algorithm(self) -> &'static str {
        match self {
            Self::Browser => "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
            other => other.key_algorithm(),
        }
    }

    pub(super) fn is_hardware(self) -> bool {
        !matches!(self, Self::Ed25519 | Self::EcdsaP256)
    }

    fn is_ed25519(self) -> bool {
        matches!(self, Self::Ed25519 | Self::SkEd25519)
    }
}

/// A signer, and everything that can be set in what it makes.
#[derive(Clone, Debug)]
pub(super) struct Maker {
    pub(super) kind: Kind,
    pub(super) seed: u8,
    pub(super) magic: Vec<u8>,
    pub(super) version: u32,
    pub(super) namespace: String,
    pub(super) reserved: Vec<u8>,
    pub(super) hash: &'static str,
    pub(super) application: String,
    pub(super) flags: u8,
    pub(super) counter: u32,
    pub(super) origin: String,
    /// What the browser says instead of what it should, with `CHALLENGE` in the challenge's place.
    pub(super) client_data: Option<String>,
    pub(super) extensions: Vec<u8>,
    pub(super) algorithm: Option<&'static str>,
    pub(super) after_key: Vec<u8>,
    pub(super) after_inner: Vec<u8>,
    pub(super) after_all: Vec<u8>,
    /// Exchange s for n − s.
    pub(super) twin: bool,
}

impl Maker {
    pub(super) fn new(kind: Kind) -> Self {
        let application = if kind == Kind::Browser { "example.com" } else { "ssh:" }.to_owned();
        Self {
            kind,
            seed: 7,
            magic: b"SSHSIG".to_vec(),
            version: 1,
            namespace: NAMESPACE.to_owned(),
            reserved: Vec::new(),
            hash: "sha512",
            application,
            flags: 5,
            counter: 7,
            origin: ORIGIN.to_owned(),
            client_data: None,
            extensions: Vec::new(),
            algorithm: None,
            after_key: Vec::new(),
            after_inner: Vec::new(),
            after_all: Vec::new(),
            twin: false,
        }
    }

    pub(super) fn with(kind: Kind, set: impl FnOnce(&mut Self)) -> Self {
        let mut maker = Self::new(kind);
        set(&mut maker);
        maker
    }

    fn p256(&self) -> p256::ecdsa::SigningKey {
        p256::ecdsa::SigningKey::from_slice(&[self.seed; 32]).unwrap()
    }

    fn ed25519(&self) -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&[self.seed; 32])
    }

    pub(super) fn key_blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        put_string(&mut blob, self.kind.key_algorithm().as_bytes());
        if self.kind.is_ed25519() {
            put_string(&mut blob, self.ed25519().verifying_key().as_bytes());
        } else {
            put_string(&mut blob, b"nistp256");
            put_string(&mut blob, self.p256().verifying_key().to_sec1_point(false).as_bytes());
        }
        if self.kind.is_hardware() {
            put_string(&mut blob, self.application.as_bytes());
        }
        blob.extend(&self.after_key);
        blob
    }

    pub(super) fn key(&self) -> PublicKey {
        PublicKey::from_blob(&self.key_blob()).unwrap()
    }

    /// The bytes that the key's own mathematics make over a message.
    fn raw(&self, message: &[u8]) -> Vec<u8> {
        if self.kind.is_ed25519() {
            return self.ed25519().sign(message).to_bytes().to_vec();
        }
        let signature: p256::ecdsa::Signature = self.p256().sign(message);
        let (r, s) = signature.split_scalars();
        let s = if self.twin { -*s } else { *s };
        let mut numbers = Vec::new();
        for number in [*r, s] {
            put_string(&mut numbers, &shortest(&number.to_bytes()));
        }
        numbers
    }

    pub(super) fn signed_data(&self, message: &[u8]) -> Vec<u8> {
        let mut data = b"SSHSIG".to_vec();
        put_string(&mut data, self.namespace.as_bytes());
        put_string(&mut data, &self.reserved);
        put_string(&mut data, self.hash.as_bytes());
        match self.hash {
            "sha256" => put_string(&mut data, &Sha256::digest(message)),
            _ => put_string(&mut data, &Sha512::digest(message)),
        }
        data
    }

    pub(super) fn client_data(&self, challenge: &[u8]) -> String {
        let challenge = Base64UrlUnpadded::encode_string(challenge);
        match &self.client_data {
            Some(text) => text.replace("CHALLENGE", &challenge),
            None => format!(
                "{{\"type\":\"webauthn.get\",\"challenge\":\"{challenge}\",\"origin\":\"{}\",\"crossOrigin\":false}}",
                self.origin
            ),
        }
    }

    fn inner(&self, message: &[u8]) -> Vec<u8> {
        let data = self.signed_data(message);
        let mut inner = Vec::new();
        put_string(&mut inner, self.algorithm.unwrap_or(self.kind.algorithm()).as_bytes());
        if !self.kind.is_hardware() {
            put_string(&mut inner, &self.raw(&data));
            inner.extend(&self.after_inner);
            return inner;
        }
        let client_data = self.client_data(&data);
        let mut signed = Sha256::digest(self.application.as_bytes()).to_vec();
        signed.push(self.flags);
        signed.extend(self.counter.to_be_bytes());
        if self.kind == Kind::Browser {
            signed.extend(&self.extensions);
            signed.extend(Sha256::digest(client_data.as_bytes()));
        } else {
            signed.extend(Sha256::digest(&data));
        }
        put_string(&mut inner, &self.raw(&signed));
        inner.push(self.flags);
        inner.extend(self.counter.to_be_bytes());
        if self.kind == Kind::Browser {
            put_string(&mut inner, self.origin.as_bytes());
            put_string(&mut inner, client_data.as_bytes());
            put_string(&mut inner, &self.extensions);
        }
        inner.extend(&self.after_inner);
        inner
    }

    pub(super) fn blob(&self, message: &[u8]) -> Vec<u8> {
        let mut blob = self.magic.clone();
        blob.extend(self.version.to_be_bytes());
        put_string(&mut blob, &self.key_blob());
        put_string(&mut blob, self.namespace.as_bytes());
        put_string(&mut blob, &self.reserved);
        put_string(&mut blob, self.hash.as_bytes());
        put_string(&mut blob, &self.inner(message));
        blob.extend(&self.after_all);
        blob
    }

    pub(super) fn signature(&self, message: &[u8]) -> String {
        armour::close(&self.blob(message))
    }
}

/// An mpint of RFC 4251.
fn shortest(number: &[u8]) -> Vec<u8> {
    let value: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    if value.first().is_some_and(|first| first & 0x80 != 0) {
        [vec![0], value].concat()
    } else {
        value
    }
}
