//! Secrets at rest, and signatures of our own URLs, from one master key.

use aes_gcm::{
    Aes256Gcm, KeyInit as _,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac};
use sha2::Sha256;

use crate::ids;

/// A sealed secret cannot be opened: the master key is another one, or the text was changed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("a stored secret cannot be opened with this master key")]
pub struct NotOpened;

/// The master key. `Debug` does not show it.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// From 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// HMAC-SHA-256 of `message`, with a key for this purpose only.
    pub fn sign(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        let key = hmac(&self.0, purpose.as_bytes());
        hmac(&key, message)
    }

    /// Encrypts `secret`; it opens only for the same `owner`.
    pub fn seal(&self, owner: &str, secret: &str) -> String {
        let nonce = ids::random::<12>();
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: owner.as_bytes(),
        };
        let sealed = self.cipher().encrypt(&nonce.into(), payload);
        let sealed = sealed.expect("AES-GCM encrypts every text of less than 64 GiB");
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// Decrypts what was sealed.
    ///
    /// # Errors
    /// [`NotOpened`]
    pub fn open(&self, owner: &str, sealed: &str) -> Result<String, NotOpened> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| NotOpened)?;
        let (nonce, sealed) = sealed.split_first_chunk::<12>().ok_or(NotOpened)?;
        let payload = Payload {
            msg: sealed,
            aad: owner.as_bytes(),
        };
        let opened = self.cipher().decrypt(nonce.into(), payload);
        String::from_utf8(opened.map_err(|_| NotOpened)?).map_err(|_| NotOpened)
    }

    fn cipher(&self) -> Aes256Gcm {
        let key = hmac(&self.0, b"secrets at rest");
        Aes256Gcm::new(&key.into())
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

/// HMAC-SHA-256.
pub fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_owner_and_its_key_only() {
        let (key, other) = (MasterKey::new([1; 32]), MasterKey::new([2; 32]));
        let sealed = key.seal("one", "secret");
        assert!(!sealed.contains("secret"));
        assert_eq!(key.open("one", &sealed).unwrap(), "secret");
        assert!(key.open("two", &sealed).is_err());
        assert!(other.open("one", &sealed).is_err());
        assert!(key.open("one", "").is_err());
    }
}
