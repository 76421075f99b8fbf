//! The dashboard of a service whose objects are in a store with an origin of its own.

use media_concat_test_support::fixtures::fixture;
use serde_json::json;

use super::{open, sign_in, status};
use crate::{browser::Browser, place::Place};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_is_played_from() {
    let place = Place::shared().await;
    let url = place.web.url("files/a0.mp4");
    let made = place
        .create(json!({"name": "stored", "type": "video", "url": url}))
        .await;
    assert_eq!(place.ended(&made).await["status"], "upload_completed");
    let browser = Browser::start();
    sign_in(&browser, &format!("{}/", place.base), &place.key);
    open(&browser, "stored");
    browser.wait("document.getElementById('player')?.readyState >= 2");
    let store = place.store().expect("an object store").address;
    let policy = browser
        .run("return fetch('/').then((page) => page.headers.get('content-security-policy'))");
    let policy = policy.as_str().unwrap();
    assert!(
        policy.contains(&format!("media-src 'self' http://{store};")),
        "{policy}"
    );
    assert_eq!(browser.complaints(), [""; 0]);
    drop(browser);
    place.end().await;
}

/// The browser sends the file to the bucket itself, which allows the page's origin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_is_uploaded_to() {
    let place = Place::shared().await;
    let browser = Browser::start();
    sign_in(&browser, &format!("{}/", place.base), &place.key);
    browser.click("#new");
    let file = fixture("a0.mp4");
    browser.fill("#file", file.to_str().unwrap());
    browser.click("#create-submit");
    status(&browser, "a0", "upload_completed");
    let list = place.get("/api/v1/artifacts").await.json();
    assert!(place.content(&list["items"][0]).await == std::fs::read(file).unwrap());
    assert_eq!(browser.complaints(), [""; 0]);
    drop(browser);
    place.end().await;
}
