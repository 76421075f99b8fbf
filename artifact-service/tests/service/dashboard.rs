//! The dashboard through its pages: a browser in front of the program itself.

mod bucket;
mod program;

use artifact_service::db::Db;
use media_concat_test_support::fixtures::fixture;
use serde_json::{Value, json};

use self::program::Service;
use crate::{
    browser::{Browser, ENTER, ESCAPE, RIGHT, TAB, call},
    web::Web,
};

const CREATE: &str = "/api/v1/artifacts/create";

fn signed_in(service: &Service) -> Browser {
    let browser = Browser::start();
    sign_in(&browser, &service.url(), &service.key);
    browser
}

fn sign_in(browser: &Browser, url: &str, key: &str) {
    browser.go(url);
    browser.wait("!document.getElementById('sign-in').hidden");
    browser.fill("#api-key", &format!("{key}{ENTER}"));
    browser.wait("document.getElementById('live').classList.contains('on')");
}

/// The row of a name, as an expression.
fn row(name: &str) -> String {
    let name = json!(name);
    format!(
        "[...document.querySelectorAll('#rows tr')].find((row) => row.cells[0].firstChild.textContent === {name})"
    )
}

fn open(browser: &Browser, name: &str) {
    browser.wait(&row(name));
    browser.run(&format!("{}.querySelector('button').click()", row(name)));
    browser.wait("document.getElementById('detail').open && document.querySelector('#detail dl')");
}

fn status(browser: &Browser, name: &str, status: &str) {
    browser.wait(&format!("{}?.dataset.status === '{status}'", row(name)));
}

#[test]
fn a_key_signs_in_and_out() {
    let mut service = Service::start();
    let browser = Browser::start();
    browser.go(&service.url());
    browser.wait("!document.getElementById('sign-in').hidden");
    browser.picture("sign-in");
    browser.fill("#api-key", &format!("mc_{}{ENTER}", "0".repeat(48)));
    browser.wait_for("#sign-in-error", "not known");
    assert_eq!(browser.see("document.getElementById('list').hidden"), true);
    browser.fill("#api-key", &format!("{}{ENTER}", service.key));
    browser.wait_for("#empty", "There are no artifacts yet.");
    browser.wait_for("#who", "Administrator, Default");
    // No script can read the cookie or the key, and a request without the token is nobody's.
    assert_eq!(browser.see("document.cookie"), "");
    assert_eq!(browser.see("document.getElementById('api-key').value"), "");
    assert_eq!(
        browser.see("localStorage.length + sessionStorage.length"),
        0
    );
    let forged = "await fetch('/api/v1/artifacts/create', {method: 'POST', body: \
        '{\"name\":\"x\",\"type\":\"video\",\"url\":\"http://a.example/b\"}'}).then((answer) => answer.json())";
    assert_eq!(
        browser.run(&format!("return (async () => {forged})()"))["code"],
        "csrf"
    );
    let own =
        "return fetch('/', {}).then((answer) => answer.headers.get('content-security-policy'))";
    let policy = browser.run(own);
    assert!(
        policy.as_str().unwrap().contains("script-src 'self';"),
        "{policy}"
    );
    // Signed in still, behind a reload and a service that went away and came back.
    browser.go(&service.url());
    browser.wait("document.getElementById('live').classList.contains('on')");
    service.restart();
    service
        .create(&json!({"name": "meanwhile", "type": "video", "url": "http://127.0.0.1:1/x.mp4"}));
    browser.wait(&row("meanwhile"));
    browser.wait("document.getElementById('live').classList.contains('on')");
    browser.click("#sign-out");
    browser.wait("!document.getElementById('sign-in').hidden");
    assert_eq!(
        browser.see("document.querySelectorAll('#rows tr').length"),
        0
    );
    browser.go(&service.url());
    browser.wait("!document.getElementById('sign-in').hidden");
    assert_eq!(browser.complaints(), [""; 0]);
}

/// A file, a URL, an S3 path and fragments, each from its form to its end in the table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_method_makes_an_artifact() {
    let (service, web) = (Service::start(), Web::start().await);
    let browser = signed_in(&service);
    browser.run("window.stays = true");
    // What progress bars say on the way.
    browser.run(
        "window.seen = {upload: [], job: []}; new MutationObserver(() => { \
             const of = (css) => document.querySelector(css)?.value ?? 0; \
             seen.upload.push(of('#upload-progress')); seen.job.push(...[...document.querySelectorAll('#rows progress')].map((bar) => bar.value)); \
         }).observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true})",
    );
    browser.click("#new");
    browser.click("#create-submit");
    browser.wait_for("#file-error", "Choose a file.");
    browser.fill("#file", fixture("long.mp4").to_str().unwrap());
    assert_eq!(browser.see("document.getElementById('name').value"), "long");
    let slow = json!({"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000});
    browser.devtools("Network.enable", json!({}));
    browser.devtools("Network.emulateNetworkConditions", slow);
    browser.click("#create-submit");
    browser.wait("document.getElementById('upload-progress').value > 0.2");
    browser.picture("upload");
    status(&browser, "long", "upload_completed");
    let quick =
        json!({"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
    browser.devtools("Network.emulateNetworkConditions", quick);

    browser.click("#new");
    browser.click("[value=url]");
    browser.fill("#url", &format!("{}{TAB}", web.url("slow/b_pyramid.mp4")));
    browser.fill("#name", "from afar");
    browser.click("#create-submit");
    browser.wait(&format!(
        "{}?.querySelector('progress').value > 0",
        row("from afar")
    ));
    browser.picture("processing");

    browser.click("#new");
    browser.click("[value=s3Path]");
    browser.fill("#s3-path", &format!("s3://artifacts/nobodys/file.mp4{TAB}"));
    browser.fill("#name", "again");
    browser.click("#create-submit");
    browser.wait_for("#s3-path-error", "no such file");
    let list = service.api(&service.key, "GET", "/api/v1/artifacts?search=long", None);
    let path = list["items"][0]["s3Path"].as_str().unwrap().to_owned();
    browser.fill("#s3-path", &format!("s3://artifacts/{path}"));
    browser.click("#create-submit");
    status(&browser, "again", "upload_completed");

    browser.click("#new");
    browser.click("[value=fragments]");
    browser.click("#add-fragment");
    let field = |row: usize, column: usize| {
        format!("#fragment-rows tbody tr:nth-child({row}) td:nth-child({column}) input")
    };
    for (row, (file, start)) in [("a0", "0"), ("a1", "1.2"), ("a2", "0:04.5")]
        .into_iter()
        .enumerate()
    {
        browser.fill(&field(row + 1, 2), &web.url(&format!("files/{file}.mp4")));
        browser.fill(&field(row + 1, 3), start);
    }
    browser.press(TAB);
    let marks =
        |kind: &str| format!("document.querySelectorAll('#draft svg rect.{kind}').length === 1");
    browser.wait(&format!("{} && {}", marks("gap"), marks("overlap")));
    browser.wait_for(
        "#draft .note",
        "3 fragments, 1 gap, 1 overlap, 0:06.500 long. Fragments that overlap are refused.",
    );
    browser.click("#draft summary");
    browser.wait_for("#draft tbody tr:nth-child(2)", "overlap of 0:00.800");
    browser.wait_for("#draft tbody tr:nth-child(3)", "gap of 0:01.300");
    browser.picture("fragments");
    browser.fill(&field(2, 3), "2");
    browser.wait_for("#draft .note", "3 fragments, 1 gap, no overlaps");
    browser.fill("#name", "joined");
    browser.click("#create-submit");
    status(&browser, "joined", "upload_completed");
    status(&browser, "from afar", "upload_completed");
    browser.picture("table");

    for seen in ["upload", "job"] {
        let told = browser.see(&format!(
            "seen.{seen}.filter((part) => part > 0 && part < 1).length"
        ));
        assert!(
            told.as_u64() > Some(0),
            "{seen}: {}",
            browser.see(&format!("seen.{seen}"))
        );
    }
    assert_eq!(
        browser.see("window.stays"),
        true,
        "the page was loaded again"
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_artifact_is_shown_whole() {
    let (service, web) = (Service::start(), Web::start().await);
    let at = |file: &str, start: f64| json!({"url": web.url(&format!("files/{file}.mp4")), "startTime": start});
    let joined = json!({"name": "joined", "type": "video", "fragments": [at("a0", 0.0), at("a1", 2.0), at("a2", 4.5)]});
    let hidden = json!({"name": "cuts", "type": "video", "fragments": [at("cut0", 0.0), at("cut1", 1.366_667)]});
    let broken =
        json!({"name": "broken", "type": "video", "fragments": [at("a0", 0.0), at("h_res", 2.0)]});
    let [_, cuts, failed] = [joined, hidden, broken]
        .map(|body| service.create(&body))
        .map(|id| service.ended(&id));
    let browser = signed_in(&service);
    open(&browser, "joined");
    browser.wait("document.getElementById('player')?.readyState >= 1");
    assert_eq!(
        browser.see("document.querySelectorAll('#detail svg rect.fragment').length"),
        3
    );
    assert_eq!(
        browser.see("document.querySelectorAll('#detail svg rect.gap').length"),
        1
    );
    browser.wait_for(
        "#detail-timeline tbody tr:nth-child(3)",
        "gap of 0:00.500, filled",
    );
    browser.wait_for("#detail-tracks tbody", "h264");
    browser.wait_for("#detail-warnings", "None.");
    for (row, seam) in [(2, 2.0), (3, 4.5)] {
        browser.click(&format!(
            "#detail-timeline tbody tr:nth-child({row}) .seek button"
        ));
        browser.wait(&format!("!player.seeking && Math.abs(player.currentTime - {seam}) < 0.05 && player.readyState >= 2"));
    }
    browser.picture("detail");
    // Across the seam: from before it to behind it.
    browser.click("#detail-timeline tbody tr:nth-child(2) .seek button:last-child");
    browser.wait("player.currentTime < 2");
    browser.wait("player.currentTime > 2.05 && player.currentTime < 4 && !player.error");
    browser.size(360, 780);
    let overflow = "document.documentElement.scrollWidth + document.getElementById('detail').scrollWidth - \
        document.getElementById('detail').clientWidth";
    assert_eq!(browser.see(overflow), 360);
    browser.picture("detail-narrow");
    browser.size(1280, 900);
    browser.press(ESCAPE);
    open(&browser, "broken");
    let sentence = failed["errorMessage"].as_str().unwrap();
    assert!(
        sentence.contains("640x360") && sentence.contains("320x180"),
        "{sentence}"
    );
    assert_eq!(
        browser.see("document.getElementById('detail-error').textContent"),
        sentence
    );
    browser.picture("failed");
    browser.press(ESCAPE);
    open(&browser, "cuts");
    let warning = cuts["report"]["warnings"][0]["message"].as_str().unwrap();
    browser.wait_for("#detail-warnings", warning);
    browser.click("#delete");
    browser.click("#confirm [value=yes]");
    browser.wait(&format!(
        "!document.getElementById('detail').open && !{}",
        row("cuts")
    ));
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Ten thousand artifacts, of which some have names that mean harm, and another company's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_list_is_paged_filtered_and_searched() {
    const HOSTILE: &str = "<script>window.owned = 1</script><img src=x onerror='window.owned = 1'>";
    let service = Service::start();
    let path = service.folder.path().join("artifacts.db");
    let db = Db::open(&format!("sqlite://{}", path.display()), 1)
        .await
        .unwrap();
    sqlx::query(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) \
         INSERT INTO artifacts (id, company_id, user_id, key_id, name, type, status, upload_method, \
         source, s3_path, content_type, created_at, updated_at) SELECT printf('%024x', i), company_id, \
         user_id, id, CASE i WHEN 77 THEN $1 WHEN 78 THEN 'Ärger 100 %' ELSE 'item ' || i END, \
         CASE i % 3 WHEN 0 THEN 'audio' ELSE 'video' END, \
         CASE i % 1000 WHEN 0 THEN 'upload_failed' ELSE 'upload_completed' END, \
         'direct_url', '{}', 'uploads/x', 'video/mp4', i, i FROM n, api_keys",
    )
    .bind(HOSTILE)
    .execute(&db.pool)
    .await
    .unwrap();
    let theirs = service.another_key("Other Inc");
    let secret =
        json!({"name": "secret of others", "type": "video", "url": "http://127.0.0.1:1/x.mp4"});
    let secret_id = service.api(&theirs, "POST", CREATE, Some(&secret))["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let browser = signed_in(&service);
    let names = "[...document.querySelectorAll('#rows tr')].map((row) => row.cells[0].firstChild.textContent)";
    let first = |name: &str| {
        browser.wait(&format!(
            "document.querySelector('#rows button')?.textContent === {}",
            json!(name)
        ))
    };
    let count = |rows: usize| {
        browser.wait(&format!(
            "document.querySelectorAll('#rows tr').length === {rows}"
        ))
    };
    first("item 9999");
    count(50);
    browser.click("#older");
    first("item 9949");
    browser.wait_for("#page", "Page 2");
    // What is made meanwhile is on the first page, and only there.
    service.create(&json!({"name": "new", "type": "script", "url": "http://127.0.0.1:1/x.srt"}));
    browser.click("#newer");
    first("new");
    service.api(&theirs, "POST", CREATE, Some(&secret));
    service.create(&json!({"name": "newer", "type": "script", "url": "http://127.0.0.1:1/x.srt"}));
    first("newer");
    browser.choose("#status-filter", "upload_failed");
    first("item 9000");
    browser.choose("#type-filter", "audio");
    browser.wait(&format!("JSON.stringify({names}) === JSON.stringify(['item 9000', 'item 6000', 'item 3000', 'item 0'])"));
    browser.go(browser.see("location.href").as_str().unwrap());
    count(4);
    browser.choose("#status-filter", "");
    browser.choose("#type-filter", "");
    for (search, rows) in [
        ("ITEM 123", 11),
        ("Ärger", 1),
        ("100 %", 1),
        ("nothing of the kind", 0),
    ] {
        browser.fill("#search", search);
        count(rows);
    }
    browser.wait_for("#empty", "No artifact matches.");
    browser.fill("#search", "script");
    count(1);
    open(&browser, HOSTILE);
    assert_eq!(
        browser.see("document.getElementById('detail-title').textContent"),
        HOSTILE
    );
    assert_eq!(browser.see("window.owned"), Value::Null);
    assert_eq!(
        browser.see("document.querySelectorAll('#rows script, #rows img, dialog img').length"),
        0
    );
    browser.press(ESCAPE);
    browser.fill("#search", "secret");
    browser.wait_for("#empty", "No artifact matches.");
    browser.go(&format!("{}?artifact={secret_id}", service.url()));
    browser.wait_for("#detail-body", "there is no such artifact");
    assert_eq!(
        browser.see("document.body.innerText.includes('secret')"),
        false
    );
    browser.press(ESCAPE);
    browser.size(360, 780);
    browser.wait("document.querySelectorAll('#rows tr').length === 50");
    assert_eq!(browser.see("document.documentElement.scrollWidth"), 360);
    browser.picture("table-narrow");
    assert_eq!(browser.complaints(), [""; 0]);
}

/// No mouse: from signing in over a new artifact to its details and out again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keyboard_is_enough() {
    let (service, web) = (Service::start(), Web::start().await);
    let browser = Browser::start();
    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    browser.devtools("Emulation.setEmulatedMedia", dark);
    browser.go(&service.url());
    browser.wait("document.activeElement.id === 'api-key'");
    browser.press(&format!("{}{ENTER}", service.key));
    browser.wait("document.activeElement.id === 'list'");
    let tab_to = |what: &str| {
        for _ in 0..12 {
            browser.press(TAB);
            if browser.see(&format!("document.activeElement.matches({})", json!(what))) == true {
                let ring = browser.see("getComputedStyle(document.activeElement).outlineStyle");
                assert_eq!(ring, "solid", "{what} shows no focus");
                return;
            }
        }
        panic!("no way to {what}");
    };
    tab_to("#new");
    browser.press(ENTER);
    browser.wait("document.activeElement.value === 'file'");
    browser.press(RIGHT);
    browser.wait("document.activeElement.value === 'url'");
    tab_to("#url");
    browser.press(&web.url("files/a0.mp4"));
    tab_to("#name");
    assert_eq!(browser.see("document.activeElement.value"), "a0");
    browser.press(ENTER);
    status(&browser, "a0", "upload_completed");
    browser.wait("document.activeElement.id === 'new'");
    tab_to("#rows button");
    browser.press(ENTER);
    browser.wait(
        "document.activeElement.id === 'detail-title' && document.querySelector('#detail dl')",
    );
    browser.picture("detail-dark");
    browser.press(ESCAPE);
    browser.wait(
        "!document.getElementById('detail').open && document.activeElement.matches('#rows button')",
    );
    browser.wait_for("#said", "a0: Completed");
    browser.go(&service.url());
    browser.wait("document.activeElement.id === 'list'");
    browser.run("document.getElementById('sign-out').focus()");
    browser.press(ENTER);
    browser.wait("document.activeElement.id === 'api-key'");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn only_what_is_in_the_program_is_served() {
    let service = Service::start();
    for path in ["/app.js", "/style.css", "/docs"] {
        assert_eq!(
            call(&service.address, "GET", path, &[], None).0,
            200,
            "{path}"
        );
    }
    for path in ["/nothing.js", "/..%2fmaster.key", "/%2e%2e/master.key"] {
        assert_eq!(
            call(&service.address, "GET", path, &[], None).0,
            404,
            "{path}"
        );
    }
}
