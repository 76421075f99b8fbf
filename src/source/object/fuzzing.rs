//! Doors for the fuzz targets to what stores answer and how objects are named.

use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;

use super::{
    ObjectError, ObjectUrl,
    answer::{elements, refusal, text_of},
};

/// Reads `text` as the name of an object: its path in a request is the key, whoever reads it.
pub fn object_url(text: &str) {
    let Ok(object) = text.parse::<ObjectUrl>() else {
        return;
    };
    let (bucket, key) = (object.bucket(), object.key());
    assert!((1..=255).contains(&bucket.len()) && (1..=1_024).contains(&key.len()));
    assert_eq!(text[5..], format!("{bucket}/{key}"));
    assert_eq!(ObjectUrl::new(bucket, key).as_ref(), Ok(&object));
    let path = object.path();
    assert!(
        path.bytes()
            .all(|c| c.is_ascii_graphic() && !b"?#\\".contains(&c))
    );
    assert_eq!(percent_decode_str(&path).decode_utf8().as_deref(), Ok(key));
    let url = format!("http://store.example/{bucket}/{path}");
    let url = url::Url::parse(&url).expect("the URL of an object");
    assert_eq!(url.path(), format!("/{bucket}/{path}"));
    assert!(!object.to_string().chars().any(char::is_control));
}

/// Reads `document` as what a store answers with `status`: what is passed on is short and can be shown.
pub fn store_answer(status: u16, document: &[u8]) {
    let text = String::from_utf8_lossy(document);
    for name in ["Code", "UploadId", "Part"] {
        let found = text_of(&text, name);
        assert!(found.is_none_or(|found| found.len() <= text.len()));
        let all = elements(&text, name);
        let all = all.iter().map(|part| part.len());
        assert!(all.sum::<usize>() <= text.len());
    }
    let Ok(status) = StatusCode::from_u16(status) else {
        return;
    };
    let error = refusal("a request", "bucket", status, &HeaderMap::new(), document);
    if let ObjectError::Refused { code, message, .. } | ObjectError::Denied { code, message, .. } =
        &error
    {
        for shown in [code, message] {
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
            assert!(shown.chars().count() <= 301, "{shown:?}");
        }
    }
}
