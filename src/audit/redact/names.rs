//! Names that say: what follows is a secret.

/// The ends of the last part of such a name: `PGPASSWORD`, `--registry-token`.
const ENDINGS: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "authkey",
    "bearer",
    "credential",
    "credentials",
];

/// Last parts that count only when they stand alone: `DB_PASS`, `MYSQL_PWD`, not `bypass`.
const WHOLE: [&str; 3] = ["pass", "pwd", "passwort"];

/// Pairs of last parts: `--api-key`, `AWS_SECRET_ACCESS_KEY`, Vault's `secret_id`.
const PAIRS: [(&str, &str); 7] = [
    ("api", "key"),
    ("access", "key"),
    ("secret", "key"),
    ("private", "key"),
    ("auth", "key"),
    ("account", "key"),
    ("secret", "id"),
];

/// Whether the value of a flag, variable or member of this name is a secret. The last part of the
/// name decides, so that `--token-file` and `secret-tool` are none.
pub(super) fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut parts = lower.rsplit(['-', '_', '.']).filter(|part| !part.is_empty());
    let Some(last) = parts.next().map(|part| part.trim_end_matches(|c: char| c.is_ascii_digit()))
    else {
        return false;
    };
    let before = parts.next().unwrap_or_default();
    ENDINGS.iter().any(|ending| last.ends_with(ending))
        || WHOLE.contains(&last)
        || PAIRS.contains(&(before, last))
}

/// Whether this word of a text announces a secret as the next word: `password:`.
pub(super) fn announces(word: &str) -> bool {
    let name = word.strip_suffix([':', '=']).unwrap_or_default();
    let name = name.trim_matches(['"', '\'']);
    name.chars().all(is_name_letter) && is_secret(name)
}

/// The letters of which names are made.
pub(super) fn is_name_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')
}
