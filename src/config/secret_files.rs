//! Secrets from files: for each key `K` that is a secret, `K_file` names a file that holds it, as the secrets of
//! containers and of systemd are given. A file is read once, at the start.

use std::path::PathBuf;

use config::{Map, Value, ValueKind};

use super::SettingsError;
use super::keys::keys;

/// What is added to the name of a key.
const SUFFIX: &str = "_file";

/// Puts what such files hold in the places of their names.
pub(super) fn read(mut root: Value) -> Result<Value, SettingsError> {
    for key in keys().filter(|key| key.is_secret) {
        let Some((section, name)) = key.name.rsplit_once('.') else {
            continue;
        };
        let Some(table) = table(&mut root, section) else {
            continue;
        };
        let Some(file) = table.remove(&format!("{name}{SUFFIX}")) else {
            continue;
        };
        let origin = file.origin().map(str::to_owned);
        let path = PathBuf::from(file.into_string()?);
        let secret =
            std::fs::read_to_string(&path).map_err(|source| SettingsError::SecretFile {
                key: key.name,
                path: path.clone(),
                source,
            })?;
        let secret = secret.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            let problem = format!("the file {} is empty", path.display());
            return Err(SettingsError::Invalid {
                key: key.name,
                problem,
            });
        }
        let value = Value::new(origin.as_ref(), ValueKind::String(secret.to_owned()));
        if table.insert(name.to_owned(), value).is_some() {
            let problem = format!("is there twice: {}{SUFFIX} as well", key.name);
            return Err(SettingsError::Invalid {
                key: key.name,
                problem,
            });
        }
    }
    Ok(root)
}

/// The table of this name.
fn table<'a>(root: &'a mut Value, section: &str) -> Option<&'a mut Map<String, Value>> {
    let mut at = root;
    for name in section.split('.') {
        let ValueKind::Table(table) = &mut at.kind else {
            return None;
        };
        at = table.get_mut(name)?;
    }
    match &mut at.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::super::Settings;
    use super::super::tests::load;
    use super::*;

    const SECRET: &str = "postgres://u:geheim@h/d";

    /// Where each secret ends up.
    fn expose<'a>(settings: &'a Settings, key: &str) -> &'a str {
        let secret = match key {
            "database.url" => &settings.database.url,
            "objects.secret_key" => &settings.objects.secret_key,
            other => panic!("say here where {other} is"),
        };
        secret.as_ref().unwrap().expose_secret()
    }

    #[test]
    fn every_secret_comes_from_a_file_as_well_and_none_is_printed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let file = path.display().to_string();
        for key in keys().filter(|key| key.is_secret).map(|key| key.name) {
            let (section, name) = key.rsplit_once('.').unwrap();
            // One makes no sense without the other.
            let beside = match section {
                "objects" => "access_key = 'a'\n",
                _ => "",
            };
            let toml = |lines: &[(&str, &str)]| {
                let lines = lines
                    .iter()
                    .map(|(suffix, value)| format!("{name}{suffix} = '{value}'\n"));
                format!("[{section}]\n{beside}{}", lines.collect::<String>())
            };
            let refused = |lines: &[(&str, &str)]| {
                let error = anyhow::Error::from(load(&toml(lines)).unwrap_err());
                format!("{error:#}")
            };
            for content in [
                SECRET.to_owned(),
                format!("{SECRET}\n"),
                format!("{SECRET}\r\n"),
            ] {
                std::fs::write(&path, content).unwrap();
                for lines in [[("", SECRET)], [("_file", file.as_str())]] {
                    let settings = load(&toml(&lines)).unwrap();
                    assert_eq!(expose(&settings, key), SECRET);
                    let printed = format!("{settings:?} {settings:#?}");
                    assert!(!printed.contains("geheim"), "{key}: {printed}");
                }
            }
            let twice = refused(&[("", "x"), ("_file", &file)]);
            assert!(twice.contains(&format!("{key}: is there twice")), "{twice}");
            std::fs::write(&path, "\n").unwrap();
            let empty = refused(&[("_file", &file)]);
            assert!(empty.contains("is empty"), "{empty}");
            let missing = refused(&[("_file", "/none")]);
            assert!(
                missing.contains(&format!("{key}: /none cannot be read")),
                "{missing}"
            );
        }
    }

    #[test]
    fn what_is_no_secret_is_not_read_from_a_file() {
        assert!(load("[server]\nhostname_file = '/etc/hostname'").is_err());
    }
}
