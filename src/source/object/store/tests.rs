use super::*;

fn store(endpoint: Option<&str>, style: Option<BucketStyle>) -> ObjectStore {
    let mut options = StoreOptions::new(Credentials::keys("AKIDEXAMPLE", "not-to-be-seen"));
    options.endpoint = endpoint.map(str::to_owned);
    options.style = style;
    ObjectStore::new(options).expect("a store")
}

fn uri(store: &ObjectStore, url: &str) -> String {
    let url = url.parse().expect("a URL");
    let parts = store.request("reading", Method::GET, &url, "");
    parts.expect("a request").uri.to_string()
}

#[test]
fn buckets_go_where_the_style_says() {
    let aws = store(None, None);
    assert_eq!(
        uri(&aws, "s3://media/a b//c?%.mp4"),
        "https://media.s3.us-east-1.amazonaws.com/a%20b//c%3F%25.mp4"
    );
    assert_eq!(
        uri(&aws, "s3://media.example/k"),
        "https://s3.us-east-1.amazonaws.com/media.example/k"
    );
    let own = store(Some("http://127.0.0.1:9000/"), None);
    assert_eq!(uri(&own, "s3://b//k"), "http://127.0.0.1:9000/b//k");
    let virtual_host = Some(BucketStyle::VirtualHost);
    let own = store(Some("https://Store.example"), virtual_host);
    assert_eq!(uri(&own, "s3://b/é"), "https://b.store.example/%C3%A9");
}

#[test]
fn endpoints_are_hosts_and_errors_show_no_secret() {
    for endpoint in [
        "ftp://h",
        "h:80",
        "http://",
        "https://user:secret@h",
        "https://h/path",
        "https://h?secret=1",
        "https://h h",
    ] {
        let mut options = StoreOptions::new(Credentials::Anonymous);
        options.endpoint = Some(endpoint.to_owned());
        let refused = ObjectStore::new(options).expect_err(endpoint);
        assert!(matches!(refused, StoreError::Endpoint { .. }), "{refused}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
    let mut options = StoreOptions::new(Credentials::Anonymous);
    options.region = "x.evil.example/".to_owned();
    assert!(ObjectStore::new(options).is_err());
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", store(None, None));
    assert!(shown.contains("AKIDEXAMPLE"), "{shown}");
    assert!(!shown.contains("not-to-be-seen"), "{shown}");
}

#[test]
fn the_environment_describes_a_store() {
    let set = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some("a".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("s".to_owned()),
        "AWS_SESSION_TOKEN" => Some("t".to_owned()),
        "AWS_DEFAULT_REGION" => Some("eu-west-1".to_owned()),
        "AWS_ENDPOINT_URL" => Some("http://general".to_owned()),
        "AWS_ENDPOINT_URL_S3" => Some("http://s3".to_owned()),
        _ => None,
    };
    let options = StoreOptions::from_lookup(&set).expect("options");
    assert_eq!(options.endpoint.as_deref(), Some("http://s3"));
    assert_eq!(options.region, "eu-west-1");
    let token = Some("t".to_owned());
    assert!(
        matches!(options.credentials, Credentials::Keys { session_token, .. } if session_token == token)
    );
    let missing =
        StoreOptions::from_lookup(&|name| set(name).filter(|_| name != "AWS_SECRET_ACCESS_KEY"));
    assert!(
        matches!(missing, Err(StoreError::NoCredentials { variable }) if variable == "AWS_SECRET_ACCESS_KEY")
    );
}

#[tokio::test]
async fn presigned_urls_carry_what_they_need() {
    let url: ObjectUrl = "s3://b/a b".parse().expect("a URL");
    let lifetime = Duration::from_secs(60);
    let presigned = store(None, None).presign(&url, lifetime).await;
    let presigned = presigned.expect("a URL");
    assert!(presigned.starts_with("https://b.s3.us-east-1.amazonaws.com/a%20b?X-Amz-"));
    for part in ["X-Amz-Expires=60", "X-Amz-Signature=", "AKIDEXAMPLE"] {
        assert!(presigned.contains(part), "{presigned}");
    }
    let week = store(None, None)
        .presign(&url, lifetime * 60 * 24 * 8)
        .await;
    assert!(matches!(week, Err(ObjectError::Unsigned { .. })));
    let options = StoreOptions::new(Credentials::Anonymous);
    let anonymous = ObjectStore::new(options).expect("a store");
    assert!(anonymous.presign(&url, lifetime).await.is_err());
}
