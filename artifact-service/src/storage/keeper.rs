//! What an attempt has stored of a download: the next one goes on there, in another process perhaps.

use std::sync::{Arc, Mutex, PoisonError};

use media_concat::{
    sink::{ResumableUpload, UploadCheckpoint},
    source::OpenSource,
};
use serde::{Deserialize, Serialize};

use crate::ids;

/// What is stored, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kept {
    /// The first bytes, in a file of the folder, which is named by the attempt that began it.
    Staged {
        of: String,
        file: String,
        bytes: u64,
    },
    /// Parts in the object store.
    Upload(UploadCheckpoint),
    /// All of it is the object.
    Whole { of: String },
}

/// Knows what is stored of a job's download. Cheap to clone: clones share it.
#[derive(Debug, Clone, Default)]
pub struct Keeper(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    kept: Mutex<Option<Kept>>,
    upload: ResumableUpload,
    /// What is in the database.
    told: Mutex<Option<String>>,
    /// Whether there was something from the beginning.
    left: bool,
    /// If the attempt is over: the staged file that another goes on with.
    spared: Mutex<Option<Option<String>>>,
}

impl Keeper {
    /// What the database has of attempts before this one.
    pub fn new(told: Option<String>) -> Self {
        let kept = told.as_deref().and_then(|it| serde_json::from_str(it).ok());
        let (kept, upload) = match kept {
            Some(Kept::Upload(upload)) => (None, Some(upload)),
            kept => (kept, None),
        };
        Self(Arc::new(Inner {
            left: kept.is_some() || upload.is_some(),
            kept: Mutex::new(kept),
            upload: ResumableUpload::new(upload),
            told: Mutex::new(told),
            spared: Mutex::default(),
        }))
    }

    /// What the database does not have yet.
    pub fn news(&self) -> Option<String> {
        let upload = self.0.upload.kept().map(Kept::Upload);
        let now = upload.or_else(|| self.kept());
        let now = serde_json::to_string(&now).ok()?;
        let told = lock(&self.0.told);
        (told.as_deref().unwrap_or("null") != now).then_some(now)
    }

    /// The database has this now.
    pub fn told(&self, news: String) {
        *lock(&self.0.told) = Some(news);
    }

    /// Whether an attempt before this one has stored something.
    pub fn has_left(&self) -> bool {
        self.0.left
    }

    /// This attempt is over, whatever it does: what it has begun goes once it stops. Where another goes on
    /// (`taken_over`), what the database knows of stays.
    pub fn discard(&self, taken_over: bool) {
        let told = lock(&self.0.told).clone().filter(|_| taken_over);
        let (mut file, mut upload) = (None, None);
        match told.as_deref().and_then(|it| serde_json::from_str(it).ok()) {
            Some(Kept::Staged { file: staged, .. }) => file = Some(staged),
            Some(Kept::Upload(kept)) => upload = Some(kept.id),
            _ => {}
        }
        self.0.upload.discard(upload);
        *lock(&self.0.spared) = Some(file);
    }

    /// Whether nobody will go on with a staged file.
    pub(super) fn is_unwanted(&self, file: &str) -> bool {
        let spared = lock(&self.0.spared);
        spared
            .as_ref()
            .is_some_and(|it| it.as_deref() != Some(file))
    }

    /// Whoever uploads parts keeps them here.
    pub(super) fn upload(&self) -> ResumableUpload {
        self.0.upload.clone()
    }

    pub(super) fn kept(&self) -> Option<Kept> {
        lock(&self.0.kept).clone()
    }

    pub(super) fn keep(&self, kept: Option<Kept>) {
        *lock(&self.0.kept) = kept;
    }

    /// Whether an attempt before this one has made the object of these bytes.
    pub(super) fn has_whole(&self, of: &str) -> bool {
        matches!(self.kept(), Some(Kept::Whole { of: whole }) if whole == of)
    }
}

/// Tells the bytes of a source that somebody else may change meanwhile from all others. `None` where
/// nothing surely does.
pub(super) fn identity(from: &OpenSource) -> Option<String> {
    let tag = from.state.validator.strong_tag();
    let tag = tag.filter(|_| from.source.is_remote())?;
    let all = format!("{} {tag}", from.state.len);
    Some(ids::sha256(all.as_bytes()))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_survives_the_database() {
        let keeper = Keeper::new(None);
        assert_eq!(keeper.news(), None);
        for kept in [
            Some(Kept::Staged {
                of: "this".to_owned(),
                file: "a name".to_owned(),
                bytes: 9,
            }),
            Some(Kept::Whole {
                of: "this".to_owned(),
            }),
            None,
        ] {
            keeper.keep(kept.clone());
            let news = keeper.news().expect("it is new");
            // Not told yet: a statement that failed is made again.
            assert_eq!(keeper.news().as_ref(), Some(&news));
            let again = Keeper::new(Some(news.clone()));
            assert_eq!(
                (again.kept(), again.has_left()),
                (kept.clone(), kept.is_some())
            );
            keeper.told(news);
            assert_eq!(keeper.news(), None);
        }
    }

    #[test]
    fn an_upload_is_kept_as_the_library_says() {
        let upload = UploadCheckpoint {
            id: "an id".to_owned(),
            source: "9 bytes".to_owned(),
            parts: [(1, "\"tag\"".to_owned())].into(),
        };
        let told = serde_json::to_string(&Kept::Upload(upload.clone())).expect("JSON");
        let keeper = Keeper::new(Some(told));
        assert_eq!(keeper.upload().kept(), Some(upload));
        assert_eq!((keeper.kept(), keeper.news()), (None, None));
        assert!(keeper.has_left());
    }

    #[test]
    fn what_another_goes_on_with_is_wanted() {
        let kept = |file: &str| Kept::Staged {
            of: "this".to_owned(),
            file: file.to_owned(),
            bytes: 9,
        };
        for (taken_over, told, unwanted) in [
            (true, "own", false),
            (true, "old", true),
            (false, "own", true),
        ] {
            let told = serde_json::to_string(&kept(told)).expect("JSON");
            let keeper = Keeper::new(Some(told));
            keeper.keep(Some(kept("own")));
            assert!(!keeper.is_unwanted("own"));
            keeper.discard(taken_over);
            assert_eq!(keeper.is_unwanted("own"), unwanted);
        }
    }

    #[test]
    fn what_cannot_be_read_is_nothing() {
        let keeper = Keeper::new(Some("{".to_owned()));
        assert_eq!((keeper.kept(), keeper.upload().kept()), (None, None));
    }
}
