//! Cancelling and dropping a join at every stage.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use media_concat::{CancellationToken, Concat, Error};
use media_concat_test_support::s3::Misbehave;

use crate::{
    client::{Clients, url},
    joins::{target, with_clips},
};

const STAGES: [&str; 6] = [
    "GetObject",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "CompleteMultipartUpload",
    "CompletedMultipartUpload",
];

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_takes_a_second_at_most_and_leaves_nothing() {
    for dropped in [false, true] {
        for stage in STAGES {
            let (server, _) = with_clips().await;
            let store = server.store();
            let cancel = CancellationToken::new();
            let plan = Concat::new()
                .fragment(store.source(url("0.mp4")), None)
                .fragment(store.source(url("1.mp4")), None)
                .cancel(cancel.clone())
                .plan()
                .await
                .expect("a plan");
            // The store is slow just then, and the caller loses patience.
            let when = Arc::new(Mutex::new(None));
            let (reached, token) = (Arc::clone(&when), CancellationToken::new());
            let drop_now = token.clone();
            server.hook(move |operation| {
                if operation != stage {
                    return None;
                }
                reached
                    .lock()
                    .expect("a lock")
                    .get_or_insert_with(Instant::now);
                if dropped {
                    drop_now.cancel();
                } else {
                    cancel.cancel();
                }
                Some(Misbehave::Late(Duration::from_millis(1_500)))
            });
            let out = target(&store, "joined.mp4");
            let written = token.run_until_cancelled(plan.write_object(&out)).await;
            let asked = when.lock().expect("a lock").expect("the stage");
            let took = asked.elapsed();
            assert!(took < Duration::from_secs(1), "{stage}: {took:?}");
            match written {
                None => assert!(dropped),
                Some(Err(Error::Sink(error))) => assert!(error.is_cancelled(), "{error:?}"),
                // The output had appeared by then, and that was found out.
                Some(Ok(_)) => {
                    assert!(!dropped && stage.starts_with("Completed"), "{stage}");
                    assert!(server.object("joined.mp4").is_some());
                }
                Some(Err(error)) => panic!("{stage}: {error:?}"),
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
            server.assert_clean().await;
            // Once the store began to complete, it may have gone on; then the output is whole.
            let out = server.object("joined.mp4");
            if !stage.starts_with("Complete") {
                assert_eq!(out, None, "{stage}");
            }
        }
    }
}
