//! The key file, sealing and deriving.

use crate::Secret;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use gavel_domain::Chance;
use hkdf::Hkdf;
use sha2::Sha256;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Seals what must be recovered and derives what need not be stored, all from one key.
pub struct Vault {
    key: [u8; KEY_BYTES],
}

/// Why the vault cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key file cannot be read or made.
    #[error("the key file {path} cannot be used; check secrets.key_file and its permissions")]
    File {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The key file holds something else.
    #[error(
        "the key file {path} does not hold 64 hexadecimal digits; restore it from your backup (do not make a new one: what is sealed would be lost)"
    )]
    Malformed {
        /// Which file.
        path: String,
    },
    /// What was sealed does not open.
    #[error("a sealed secret does not open: another key file, another owner, or damage")]
    DoesNotOpen,
}

impl Vault {
    /// The vault of a key file; the file is made, readable by its owner only, when there is none.
    pub fn open_or_create(path: &Path, chance: &dyn Chance) -> Result<Vault, VaultError> {
        match read(path) {
            Err(VaultError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                create(path, chance)
            }
            read => read,
        }
    }

    /// The vault of a key file that must be there.
    pub fn of_file(path: &Path) -> Result<Vault, VaultError> {
        read(path)
    }

    /// A vault in memory.
    pub fn from_key(key: [u8; KEY_BYTES]) -> Vault {
        Vault { key }
    }

    /// Seals a text for one owner: it opens only with the same `context`.
    pub fn seal(&self, text: &str, context: &str, chance: &dyn Chance) -> Vec<u8> {
        let mut sealed = vec![0; NONCE_BYTES];
        chance.fill(&mut sealed);
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&sealed);
        let payload = Payload { msg: text.as_bytes(), aad: context.as_bytes() };
        // Encryption fails only beyond 256 GiB; an empty seal then simply does not open.
        sealed.extend(self.cipher().encrypt(&XNonce::from(nonce), payload).unwrap_or_default());
        sealed
    }

    /// Opens what was sealed for `context`.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Secret, VaultError> {
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES).ok_or(VaultError::DoesNotOpen)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| VaultError::DoesNotOpen)?;
        let payload = Payload { msg: text, aad: context.as_bytes() };
        let open =
            self.cipher().decrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::DoesNotOpen)?;
        String::from_utf8(open).map(Secret::new).map_err(|_| VaultError::DoesNotOpen)
    }

    /// A key for one purpose, always the same.
    pub fn derive(&self, purpose: &str) -> [u8; KEY_BYTES] {
        let mut out = [0; KEY_BYTES];
        // 32 bytes are far below HKDF's limit of 8,160, the only way this can fail.
        let _ = Hkdf::<Sha256>::new(Some(b"gavel"), &self.key).expand(purpose.as_bytes(), &mut out);
        out
    }

    /// Tells one key file from another without telling the key; kept in the database to notice a wrong file.
    pub fn check_value(&self) -> String {
        hex::encode(&self.derive("check")[..8])
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(self.derive("seal")))
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(..)")
    }
}

fn parse(text: &str) -> Option<[u8; KEY_BYTES]> {
    hex::decode(text.trim()).ok()?.try_into().ok()
}

fn read(path: &Path) -> Result<Vault, VaultError> {
    let malformed = || VaultError::Malformed { path: shown(path) };
    match fs::read_to_string(path) {
        Ok(text) => parse(&text).map(Vault::from_key).ok_or_else(malformed),
        // Not even text: some other file.
        Err(e) if e.kind() == io::ErrorKind::InvalidData => Err(malformed()),
        Err(source) => Err(VaultError::File { path: shown(path), source }),
    }
}

fn create(path: &Path, chance: &dyn Chance) -> Result<Vault, VaultError> {
    let mut key = [0; KEY_BYTES];
    chance.fill(&mut key);
    match write_new(path, &hex::encode(key), chance) {
        Ok(()) => Ok(Vault::from_key(key)),
        // Another first start was faster: its key is the key.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => read(path),
        Err(source) => Err(VaultError::File { path: shown(path), source }),
    }
}

/// The file appears whole or not at all, and never over another: a crash leaves no half key behind, and two first
/// starts at once do not seal under two keys.
fn write_new(path: &Path, text: &str, chance: &dyn Chance) -> io::Result<()> {
    let mut suffix = [0; 8];
    chance.fill(&mut suffix);
    let draft = path.with_added_extension(hex::encode(suffix));
    let written = write_private(&draft, text).and_then(|()| fs::hard_link(&draft, path));
    // A draft that stays behind is readable by its owner only and used by nobody.
    let _ = fs::remove_file(&draft);
    written?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file: File = options.open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_testkit::SeededChance;

    #[test]
    fn what_is_sealed_opens_for_its_owner_only() {
        let (vault, chance) = (Vault::from_key([1; 32]), SeededChance::new(1));
        let sealed = vault.seal("ait_secret", "developer:a", &chance);
        assert_eq!(vault.open(&sealed, "developer:a").unwrap().expose(), "ait_secret");
        assert!(vault.open(&sealed, "developer:b").is_err());
        assert!(Vault::from_key([2; 32]).open(&sealed, "developer:a").is_err());
        for cut in 0..sealed.len() {
            assert!(vault.open(&sealed[..cut], "developer:a").is_err());
        }
        assert_ne!(sealed, vault.seal("ait_secret", "developer:a", &chance), "a fresh nonce each time");
    }

    #[test]
    fn the_key_file_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gavel.key");
        let first = Vault::open_or_create(&path, &SeededChance::new(1)).unwrap();
        let again = Vault::open_or_create(&path, &SeededChance::new(2)).unwrap();
        assert_eq!(first.check_value(), again.check_value());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_key_file_is_refused_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gavel.key");
        let (long, latin1): (Vec<u8>, &[u8]) = (vec![b'a'; 66], b"\xe9\xe8");
        for damage in [b"".as_slice(), b"abcd", b"zz", &long, latin1] {
            fs::write(&path, damage).unwrap();
            let refused = Vault::open_or_create(&path, &SeededChance::new(1)).unwrap_err();
            assert!(refused.to_string().contains("backup"), "{refused}");
        }
        let dangling = dir.path().join("dangling");
        #[cfg(unix)]
        std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
        for elsewhere in [dir.path().join("no/such"), dir.path().to_owned(), dangling] {
            let refused = Vault::open_or_create(&elsewhere, &SeededChance::new(1)).unwrap_err();
            assert!(refused.to_string().contains("secrets.key_file"), "{refused}");
        }
    }

    #[test]
    fn first_starts_at_once_agree_on_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gavel.key");
        let start = |seed| Vault::open_or_create(&path, &SeededChance::new(seed)).unwrap().check_value();
        let values: Vec<String> = std::thread::scope(|scope| {
            let starts: Vec<_> = (1..=8).map(|seed| scope.spawn(move || start(seed))).collect();
            starts.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no drafts stay behind");
    }

    #[test]
    fn derived_keys_differ_by_purpose() {
        let vault = Vault::from_key([1; 32]);
        assert_eq!(vault.derive("triage"), vault.derive("triage"));
        assert_ne!(vault.derive("triage"), vault.derive("seal"));
    }
}
