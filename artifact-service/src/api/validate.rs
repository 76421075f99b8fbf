//! What a request to create an artifact must be. Every field that is wrong is told at once.

use serde_json::{Map, Value};

use crate::{error::FieldError, model::ArtifactType};

/// The longest name, in characters.
const MAX_NAME_LEN: usize = 500;
/// The longest URL or path, in bytes.
const MAX_URL_LEN: usize = 8_192;
/// The latest start: 31 days, as in the library's limits.
const LATEST_START: f64 = 31.0 * 86_400.0;
/// Invalid fields that are told, of a request with more.
const MAX_ERRORS: usize = 100;

/// Where a file is, as requests say it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    Url(String),
    S3 { bucket: String, key: String },
}

/// A fragment, as requests say it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fragment {
    pub(super) place: Place,
    pub(super) start: f64,
}

/// What an artifact is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Direct(Place),
    Fragments(Vec<Fragment>),
}

/// A request that can be carried out, as far as it tells by itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) kind: ArtifactType,
    pub(super) content: Content,
}

#[derive(Debug, Default)]
struct Errors(Vec<FieldError>);

impl Errors {
    fn add(&mut self, field: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        if self.0.len() < MAX_ERRORS {
            self.0.push(FieldError {
                field: field.into(),
                code,
                detail: detail.into(),
            });
        }
    }
}

/// Reads a request.
pub(super) fn wanted(
    body: &Map<String, Value>,
    most_fragments: usize,
) -> Result<Wanted, Vec<FieldError>> {
    let mut errors = Errors::default();
    let name = name(body.get("name"), &mut errors);
    let kind = kind(body.get("type"), &mut errors);
    let given = |field: &str| body.get(field).filter(|value| !value.is_null());
    let (path, url, list) = (given("s3Path"), given("url"), given("fragments"));
    let content = match (path, url, list) {
        (Some(path), None, None) => s3_path(path, "s3Path", &mut errors).map(Content::Direct),
        (None, Some(url), None) => web_url(url, "url", &mut errors).map(Content::Direct),
        (None, None, Some(list)) => {
            if kind == Some(ArtifactType::Script) {
                let detail = "a script cannot be made of fragments";
                errors.add("fragments", "not_for_scripts", detail);
            }
            fragments(list, most_fragments, &mut errors).map(Content::Fragments)
        }
        (None, None, None) => {
            let detail = "exactly one of s3Path, url and fragments is needed; there is none";
            errors.add("s3Path", "source_missing", detail);
            None
        }
        _ => {
            let detail = "exactly one of s3Path, url and fragments is needed; there are more";
            for (field, value) in [("s3Path", path), ("url", url), ("fragments", list)] {
                if value.is_some() {
                    errors.add(field, "source_ambiguous", detail);
                }
            }
            None
        }
    };
    match (name, kind, content) {
        (Some(name), Some(kind), Some(content)) if errors.0.is_empty() => Ok(Wanted {
            name,
            kind,
            content,
        }),
        _ => Err(errors.0),
    }
}

fn name(value: Option<&Value>, errors: &mut Errors) -> Option<String> {
    let Some(value) = value else {
        errors.add("name", "required", "is not there");
        return None;
    };
    let Some(name) = value.as_str() else {
        errors.add("name", "not_a_string", "is not a string");
        return None;
    };
    let trimmed = name.trim();
    let length = trimmed.chars().count();
    if length == 0 || length > MAX_NAME_LEN {
        let detail = format!("has {length} characters, allowed are 1 to {MAX_NAME_LEN}");
        errors.add("name", "length", detail);
        return None;
    }
    if trimmed.contains('\0') {
        errors.add("name", "characters", "has a character NUL");
        return None;
    }
    Some(trimmed.to_owned())
}

fn kind(value: Option<&Value>, errors: &mut Errors) -> Option<ArtifactType> {
    let Some(value) = value else {
        errors.add("type", "required", "is not there");
        return None;
    };
    let kind = value.as_str().and_then(ArtifactType::parse);
    if kind.is_none() {
        errors.add("type", "unknown", "is none of video, audio and script");
    }
    kind
}

fn text<'a>(value: &'a Value, field: &str, errors: &mut Errors) -> Option<&'a str> {
    let Some(text) = value.as_str() else {
        errors.add(field, "not_a_string", "is not a string");
        return None;
    };
    if text.is_empty() || text.len() > MAX_URL_LEN || text.contains('\0') {
        let detail = format!("has {} bytes, allowed are 1 to {MAX_URL_LEN}", text.len());
        errors.add(field, "length", detail);
        return None;
    }
    Some(text)
}

/// Reads where one file is.
pub(super) fn place(body: &Map<String, Value>) -> Result<Place, Vec<FieldError>> {
    let mut errors = Errors::default();
    let given = |field: &str| body.get(field).filter(|value| !value.is_null());
    let found = match (given("url"), given("s3Path")) {
        (Some(url), None) => web_url(url, "url", &mut errors),
        (None, Some(path)) => s3_path(path, "s3Path", &mut errors),
        _ => {
            let detail = "exactly one of url and s3Path is needed";
            errors.add("url", "source_missing", detail);
            None
        }
    };
    found.ok_or(errors.0)
}

fn web_url(value: &Value, field: &str, errors: &mut Errors) -> Option<Place> {
    let text = text(value, field, errors)?;
    let refused = match reqwest::Url::parse(text) {
        Err(error) => Some(("not_a_url", format!("is not a URL: {error}"))),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            Some(("scheme", "is neither http nor https".to_owned()))
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Some(("user_info", "has a user name or a password".to_owned()))
        }
        Ok(_) => None,
    };
    if let Some((code, detail)) = refused {
        errors.add(field, code, detail);
        return None;
    }
    Some(Place::Url(text.to_owned()))
}

fn s3_path(value: &Value, field: &str, errors: &mut Errors) -> Option<Place> {
    let text = text(value, field, errors)?;
    let parsed = text
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
        .and_then(|(bucket, key)| media_concat::object::ObjectUrl::new(bucket, key).ok());
    let Some(url) = parsed else {
        errors.add(field, "not_an_s3_path", "is not like s3://bucket/path/file");
        return None;
    };
    Some(Place::S3 {
        bucket: url.bucket().to_owned(),
        key: url.key().to_owned(),
    })
}

fn fragments(value: &Value, most: usize, errors: &mut Errors) -> Option<Vec<Fragment>> {
    let Some(list) = value.as_array() else {
        errors.add("fragments", "not_a_list", "is not a list");
        return None;
    };
    if list.is_empty() || list.len() > most {
        let detail = format!("has {} entries, allowed are 1 to {most}", list.len());
        errors.add("fragments", "length", detail);
        return None;
    }
    let read = list.iter().enumerate();
    let read: Vec<_> = read
        .filter_map(|(index, value)| fragment(value, index, errors))
        .collect();
    (read.len() == list.len()).then_some(read)
}

fn fragment(value: &Value, index: usize, errors: &mut Errors) -> Option<Fragment> {
    let here = format!("fragments[{index}]");
    let Some(fields) = value.as_object() else {
        errors.add(here, "not_an_object", "is not an object");
        return None;
    };
    let given = |field: &str| fields.get(field).filter(|value| !value.is_null());
    let place = match (given("url"), given("s3Path")) {
        (Some(url), None) => web_url(url, &format!("{here}.url"), errors),
        (None, Some(path)) => s3_path(path, &format!("{here}.s3Path"), errors),
        (None, None) => {
            errors.add(&here, "source_missing", "has neither url nor s3Path");
            None
        }
        _ => {
            errors.add(&here, "source_ambiguous", "has both url and s3Path");
            None
        }
    };
    let start = start(given("startTime"), &format!("{here}.startTime"), errors);
    Some(Fragment {
        place: place?,
        start: start?,
    })
}

fn start(value: Option<&Value>, field: &str, errors: &mut Errors) -> Option<f64> {
    let Some(value) = value else {
        errors.add(field, "required", "is not there");
        return None;
    };
    let Some(start) = value.as_f64() else {
        errors.add(field, "not_a_number", "is not a number");
        return None;
    };
    if !(0.0..=LATEST_START).contains(&start) {
        let detail = format!("is {start}, allowed are 0 to {LATEST_START} seconds");
        errors.add(field, "range", detail);
        return None;
    }
    Some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<Wanted, Vec<FieldError>> {
        wanted(body.as_object().unwrap(), 3)
    }

    #[test]
    fn every_wrong_field_is_told_at_once() {
        let errors = read(serde_json::json!({
            "name": " ", "type": "film",
            "fragments": [{"url": "ftp://a/b", "startTime": -1}, 5, {"startTime": "x"}],
        }))
        .unwrap_err();
        let told: Vec<_> = errors.iter().map(|one| (&*one.field, one.code)).collect();
        assert_eq!(
            told,
            [
                ("name", "length"),
                ("type", "unknown"),
                ("fragments[0].url", "scheme"),
                ("fragments[0].startTime", "range"),
                ("fragments[1]", "not_an_object"),
                ("fragments[2]", "source_missing"),
                ("fragments[2].startTime", "not_a_number"),
            ]
        );
    }

    #[test]
    fn exactly_one_source_is_taken() {
        let base = serde_json::json!({"name": "a", "type": "video"});
        let code = |extra: Value| {
            let mut body = base.as_object().unwrap().clone();
            body.extend(extra.as_object().unwrap().clone());
            wanted(&body, 3).map_err(|errors| errors[0].code)
        };
        assert_eq!(code(serde_json::json!({})).unwrap_err(), "source_missing");
        let both = serde_json::json!({"url": "http://a/b", "s3Path": "s3://a/b"});
        assert_eq!(code(both).unwrap_err(), "source_ambiguous");
        let one = serde_json::json!({"url": "http://a/b", "s3Path": null});
        assert!(code(one).is_ok());
        let dots = serde_json::json!({"s3Path": "s3://a/../b"});
        assert_eq!(code(dots).unwrap_err(), "not_an_s3_path");
    }
}
