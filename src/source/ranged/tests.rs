use std::{collections::VecDeque, sync::Mutex};

use futures::{FutureExt, TryStreamExt};
use http::{StatusCode, header::RANGE};
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;

/// What the server does with one request.
#[derive(Debug, Clone)]
enum Act {
    /// Answers, and stops after so many bytes.
    Stop(u64),
    /// Answers, and says nothing more after so many bytes.
    Hang(u64),
    /// Answers with so many more bytes than were asked for.
    More(u64),
    /// Answers, a byte each so many milliseconds.
    Slow(u64),
    /// Answers with an error, and when to come back.
    Fail(u16, Option<u64>),
    /// Answers rightly.
    Serve,
}

#[derive(Debug)]
struct Server {
    content: Vec<u8>,
    acts: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<String>>,
}

impl Server {
    fn new(len: usize, acts: impl IntoIterator<Item = Act>) -> Arc<Self> {
        Arc::new(Self {
            content: (0..len).map(|i| (i * 31 % 251) as u8).collect(),
            acts: Mutex::new(acts.into_iter().collect()),
            asked: Mutex::default(),
        })
    }

    fn state(&self) -> SourceState {
        SourceState {
            len: self.content.len() as u64,
            validator: Validator::Tag("\"a\"".to_owned()),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("a list").clone()
    }

    fn answer(&self, headers: &HeaderMap) -> Response<Body> {
        let range = headers[RANGE].to_str().expect("text").to_owned();
        let (first, last) = range["bytes=".len()..].split_once('-').expect("a range");
        let first: usize = first.parse().expect("a number");
        let last: usize = last.parse().expect("a number");
        let last = last.min(self.content.len() - 1);
        self.asked.lock().expect("a list").push(range.clone());
        let act = self.acts.lock().expect("acts").pop_front();
        let act = act.unwrap_or(Act::Serve);
        if let Act::Fail(status, after) = act {
            let mut response = Response::new(stream::empty().boxed());
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            if let Some(after) = after {
                response.headers_mut().insert("retry-after", after.into());
            }
            return response;
        }
        let bytes = Bytes::copy_from_slice(&self.content[first..=last]);
        let some = |count: u64| bytes.slice(..bytes.len().min(count as usize));
        let pieces = |bytes: Bytes| {
            let pieces: Vec<_> = bytes.chunks(300_000).map(Bytes::copy_from_slice).collect();
            stream::iter(pieces).map(Ok)
        };
        let body = match act {
            Act::Stop(count) => pieces(some(count)).boxed(),
            Act::Hang(count) => pieces(some(count)).chain(stream::pending()).boxed(),
            Act::More(count) => {
                let more = Bytes::from(vec![0; count as usize]);
                pieces(bytes.clone()).chain(pieces(more)).boxed()
            }
            Act::Slow(pause) => stream::iter(bytes.to_vec())
                .then(move |byte| async move {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    Ok(Bytes::from(vec![byte]))
                })
                .boxed(),
            _ => pieces(bytes.clone()).boxed(),
        };
        let range = format!("bytes {first}-{last}/{}", self.content.len());
        let response = Response::builder().status(206).header("etag", "\"a\"");
        response
            .header("content-range", range)
            .body(body)
            .expect("an answer")
    }
}

impl Ranged for Server {
    fn get(&self, headers: HeaderMap) -> BoxFuture<'_, Result<Response<Body>, ClientError>> {
        futures::future::ready(Ok(self.answer(&headers))).boxed()
    }
}

fn retry_policy() -> RetryPolicy {
    RetryPolicy {
        retries: 3,
        first_pause: Duration::from_millis(100),
        longest_pause: Duration::from_secs(10),
        stall_window: Duration::from_secs(5),
        stall_floor: 100,
        timeout: Duration::from_secs(600),
    }
}

async fn read_all(server: &Arc<Server>, range: Range<u64>) -> Result<Vec<u8>, SourceError> {
    let source: Arc<dyn Ranged> = Arc::<Server>::clone(server);
    let pieces = read(source, &retry_policy(), range, &server.state());
    let pieces: Vec<Bytes> = pieces.try_collect().await?;
    assert!(
        pieces
            .iter()
            .all(|piece| piece.len() as u64 <= PIECE && !piece.is_empty())
    );
    Ok(pieces.concat())
}

#[tokio::test(start_paused = true)]
async fn a_read_goes_on_behind_the_last_byte() {
    let acts = [
        Act::Stop(1000),
        Act::Fail(503, None),
        Act::Hang(500),
        Act::Serve,
    ];
    let server = Server::new(5000, acts);
    let read = read_all(&server, 10..4000).await.expect("read");
    assert_eq!(read, server.content[10..4000]);
    let asked = [
        "bytes=10-3999",
        "bytes=1010-3999",
        "bytes=1010-3999",
        "bytes=1510-3999",
    ];
    assert_eq!(server.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn progress_forgets_failures_and_none_gives_up() {
    let server = Server::new(20 << 20, vec![Act::Stop(1 << 20); 15]);
    assert!(read_all(&server, 0..20 << 20).await.is_ok());
    let server = Server::new(5000, vec![Act::Stop(10); 10]);
    let error = read_all(&server, 100..4000).await.expect_err("given up");
    assert_eq!(error.to_string(), "it ends at byte 140, 3860 bytes early");
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_server_is_obeyed_within_bounds() {
    let server = Server::new(5000, [Act::Fail(429, Some(9))]);
    let began = Instant::now();
    assert!(read_all(&server, 0..10).await.is_ok());
    let waited = began.elapsed();
    assert!((9..11).contains(&waited.as_secs()), "{waited:?}");
    let server = Server::new(5000, [Act::Fail(429, Some(11))]);
    let error = read_all(&server, 7..10).await.expect_err("too long");
    assert_eq!(
        error.to_string(),
        "the server answered 429 Too Many Requests at byte 7"
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn more_bytes_than_asked_for_are_a_lie() {
    let server = Server::new(5000, [Act::More(5)]);
    let error = read_all(&server, 10..20).await.expect_err("too long");
    assert!(
        matches!(
            error,
            SourceError::Answer {
                what: "the length of the body",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_below_the_floor_stalls_and_time_without_demand_does_not_count() {
    // 20 bytes each second, a fifth of the floor.
    let server = Server::new(5000, vec![Act::Slow(50); 4]);
    let error = read_all(&server, 0..5000).await.expect_err("too slow");
    assert!(
        matches!(error, SourceError::Stalled { floor: 100, .. }),
        "{error}"
    );
    // 200 bytes each second.
    let server = Server::new(5000, [Act::Slow(5)]);
    assert!(read_all(&server, 0..5000).await.is_ok());
    assert_eq!(server.asked().len(), 1);
    let server = Server::new(2_000_000, []);
    let source: Arc<dyn Ranged> = Arc::<Server>::clone(&server);
    let mut pieces = read(source, &retry_policy(), 0..2_000_000, &server.state());
    let mut len = 0;
    while let Some(piece) = pieces.try_next().await.expect("read") {
        len += piece.len();
        tokio::time::sleep(Duration::from_secs(1000)).await;
    }
    assert_eq!((len, server.asked().len()), (2_000_000, 1));
}

#[tokio::test(start_paused = true)]
async fn a_read_ends_when_its_time_is_over() {
    let server = Server::new(1_000_000, [Act::Slow(1)]);
    let began = Instant::now();
    let error = read_all(&server, 0..1_000_000).await.expect_err("too long");
    assert!(matches!(error, SourceError::TimedOut { .. }), "{error}");
    assert_eq!(began.elapsed().as_secs(), 600);
    // Also where nothing but pauses takes the time.
    let server = Server::new(100, vec![Act::Fail(503, Some(10)); 100]);
    let retry_policy = RetryPolicy {
        retries: 99,
        ..retry_policy()
    };
    let source: Arc<dyn Ranged> = Arc::<Server>::clone(&server);
    let began = Instant::now();
    let read: Result<Vec<Bytes>, _> = read(source, &retry_policy, 0..10, &server.state())
        .try_collect()
        .await;
    assert!(matches!(read, Err(SourceError::Status { .. })));
    assert!((595..=601).contains(&began.elapsed().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn the_first_look_tells_the_state() {
    for (len, count) in [(5000, 4096), (100, 100)] {
        let server = Server::new(len, [Act::Fail(500, None), Act::Stop(20), Act::Serve]);
        let mut retry_state = RetryState::new(&retry_policy());
        let probed = probe(server.as_ref(), 4096, &mut retry_state)
            .await
            .expect("probed");
        let Probed::Ranged { state, head } = probed else {
            panic!("the whole");
        };
        assert_eq!(state, server.state());
        assert_eq!(head, server.content[..count]);
    }
}

#[tokio::test]
async fn a_range_past_the_end_is_refused() {
    let server = Server::new(100, []);
    let error = read_all(&server, 50..101).await.expect_err("past the end");
    assert!(matches!(
        error,
        SourceError::Truncated {
            end: 100,
            missing: 1
        }
    ));
    assert!(server.asked().is_empty());
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0_u64..60_000).prop_map(Act::Stop),
        (0_u64..60_000).prop_map(Act::Hang),
        (1_u64..9).prop_map(Act::More),
        prop::sample::select(vec![404, 412, 429, 500, 503]).prop_map(|code| Act::Fail(code, None)),
        Just(Act::Serve),
    ]
}

proptest! {
    /// Whatever the server does: exactly the bytes of the range, or an error.
    #[test]
    fn the_bytes_or_an_error(
        acts in prop::collection::vec(act(), 0..6), a in 0_u64..50_000, b in 0_u64..50_000,
    ) {
        let server = Server::new(50_000, acts);
        let range = a.min(b)..a.max(b);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        if let Ok(read) = runtime.block_on(read_all(&server, range.clone())) {
            prop_assert_eq!(&read, &server.content[range.start as usize..range.end as usize]);
        }
    }
}
