//! The loop that takes jobs and does them.

use std::{sync::Arc, time::Duration};

use media_concat::CancellationToken;
use tokio::{sync::Notify, task::JoinSet, time::MissedTickBehavior};
use tracing::Instrument;

use super::{claim, cleaning, finish, give_back, hold};
use crate::{
    claimed::Claimed,
    db::Db,
    metrics,
    process::{Failure, Meter, Outcome, Processor},
    settings::Settings,
    webhooks,
};

/// How long to wait for a new job when there was none.
const IDLE: Duration = Duration::from_millis(300);
/// How often progress is told.
const BEAT: Duration = Duration::from_millis(500);
/// How often it is tidied up.
const CLEANING: Duration = Duration::from_secs(15);
const HOUR: Duration = Duration::from_secs(3_600);

/// Takes jobs and does them.
#[derive(Clone)]
pub struct Worker {
    /// The queue.
    pub db: Db,
    /// How jobs are done.
    pub processor: Processor,
    /// How many at a time, and how patiently.
    pub settings: Arc<Settings>,
    /// Rung by the API of the same process, so that a job does not wait for the next look.
    pub job_notify: Arc<Notify>,
    /// What delivers webhooks.
    pub sender: webhooks::Sender,
}

impl Worker {
    /// Works until `stop`; then what runs gets its grace, and is handed back after that.
    pub async fn run(self, stop: CancellationToken) {
        let mut running = JoinSet::new();
        let abort = CancellationToken::new();
        let chores = tokio::spawn(self.clone().chores(stop.clone()));
        let deliveries = tokio::spawn(self.sender.clone().run(self.db.clone(), stop.clone()));
        while !stop.is_cancelled() {
            while running.try_join_next().is_some() {}
            if running.len() >= self.settings.concurrency {
                tokio::select! {
                    () = stop.cancelled() => break,
                    _ = running.join_next() => continue,
                }
            }
            match claim(&self.db, &self.settings).await {
                Ok(Some(job)) => {
                    let span = tracing::info_span!("job", artifact = %job.artifact_id);
                    let worker = self.clone();
                    running.spawn(worker.work(job, abort.clone()).instrument(span));
                    continue;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "no job was taken");
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.job_notify.notified() => {}
                () = tokio::time::sleep(IDLE) => {}
            }
        }
        let all = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(self.settings.grace, all)
            .await
            .is_err()
        {
            abort.cancel();
            while running.join_next().await.is_some() {}
        }
        chores.await.ok();
        deliveries.await.ok();
    }

    /// One job, from claim to end.
    async fn work(self, job: Claimed, abort: CancellationToken) {
        let started = std::time::Instant::now();
        metrics::waited(crate::ids::now() - job.queued_at);
        tracing::info!(attempt = job.attempt, "the job is begun");
        let (meter, cancel) = (Meter::default(), abort.child_token());
        let result = {
            let work = self.processor.run(&job, &meter, &cancel);
            tokio::pin!(work);
            let mut beat = tokio::time::interval(BEAT);
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut told = 0;
            loop {
                tokio::select! {
                    result = &mut work => break Some(result),
                    _ = beat.tick() => {
                        let ppm = meter.ppm();
                        let news = (ppm > told).then_some(ppm);
                        match hold(&self.db, &self.settings, &job, news).await {
                            Ok(true) => told = ppm,
                            // Deleted, or taken for dead: whatever comes out is not wanted.
                            Ok(false) => {
                                job.keeper.discard(!self.is_deleted(&job).await);
                                cancel.cancel();
                                work.await.ok();
                                break None;
                            }
                            // Work goes on; a lease that ran out is seen at the end.
                            Err(error) => tracing::warn!(
                                error = &error as &dyn std::error::Error,
                                "the lease was not renewed"
                            ),
                        }
                    }
                }
            }
        };
        match result {
            Some(result) => self.end(&job, result, abort.is_cancelled()).await,
            None => self.lost(&job).await,
        }
        metrics::stage("job", started.elapsed());
    }

    async fn end(&self, job: &Claimed, result: Result<Outcome, Failure>, stopping: bool) {
        let result = match result {
            Err(failure) if failure.cancelled && stopping => {
                tracing::info!("the job is handed back: the service stops");
                self.retry_db(|| give_back(&self.db, job, 0, true)).await;
                return;
            }
            Err(failure) if failure.retry && job.attempt < i64::from(self.settings.attempts) => {
                let pause = 1_000 << job.attempt.clamp(0, 6);
                tracing::warn!(reason = %failure.message, pause, "the job is tried again");
                self.retry_db(|| give_back(&self.db, job, pause, false))
                    .await;
                return;
            }
            result => result,
        };
        // Before the job ends: should this worker die here, another does it again.
        if result.is_err() || job.attempt > 1 || job.keeper.has_left() {
            self.tidy(job, result.is_err()).await;
        }
        match self.retry_db(|| finish(&self.db, job, &result)).await {
            Some(true) => {
                metrics::finished(&result);
                match &result {
                    Ok(outcome) => tracing::info!(size = outcome.size, "the artifact is complete"),
                    Err(failure) => {
                        tracing::info!(reason = %failure.message, "the artifact failed")
                    }
                }
            }
            Some(false) => self.lost(job).await,
            // Whoever takes it up does it again.
            None => {}
        }
    }

    /// Attempts before this one may have written the object and died before they said so, or begun what nobody
    /// knows of. What another worker does, should this one have been taken for dead, is not ours to remove.
    async fn tidy(&self, job: &Claimed, failed: bool) {
        let ours = || hold(&self.db, &self.settings, job, None);
        if self.retry_db(ours).await != Some(true) {
            return;
        }
        let (store, to) = (&self.processor.store, job.to());
        let tidied = match failed {
            true => store.remove(to.key, to.keeper).await,
            // What is complete does not wait for a slow list: the lease must not run out.
            false => {
                let ended = store.end_begun(to.key, to.keeper);
                let ended = tokio::time::timeout(self.settings.lease / 2, ended).await;
                ended.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = tidied {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what attempts have left is not removed"
            );
        }
    }

    /// The job is not ours any more. If its artifact is deleted, nothing of it may stay.
    async fn lost(&self, job: &Claimed) {
        tracing::info!("the job was cancelled or taken over");
        if self.is_deleted(job).await {
            let gone = self.processor.store.remove(&job.s3_path, &job.keeper);
            gone.await.ok();
        }
    }

    async fn is_deleted(&self, job: &Claimed) -> bool {
        let deleted = cleaning::is_deleted(&self.db, &job.artifact_id);
        deleted.await.unwrap_or(false)
    }

    /// Tries a statement for as long as our lease could last: a database that is away for a moment
    /// costs no work.
    async fn retry_db<T, F>(&self, mut act: impl FnMut() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let until = tokio::time::Instant::now() + self.settings.lease;
        loop {
            match act().await {
                Ok(done) => return Some(done),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the database failed"
                    );
                }
            }
            if tokio::time::Instant::now() > until {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn chores(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(CLEANING);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last: Option<std::time::Instant> = None;
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            // Rare, and a store lists all that is unfinished to find it.
            if last.is_none_or(|at| at.elapsed() > HOUR) {
                last = Some(std::time::Instant::now());
                cleaning::end_unfinished(&*self.processor.store).await;
            }
            let cleaned = cleaning::clean(&self.db, &*self.processor.store, &self.settings);
            if let Err(error) = cleaned.await {
                tracing::warn!(error = &*error, "tidying up failed");
            }
        }
    }
}
