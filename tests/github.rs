//! The forge `github`: octocrab in front of a GitHub that keeps state, with its faults, its people and its ways of merging.
#![allow(clippy::unwrap_used)]

mod clones;
mod emulator;
pub mod fake;
mod faults;
mod story;

use crate::repository::World;
use fake::{Fake, REPOSITORY, TOKEN};
use plimsoll::clients::github::{GithubForge, GithubRepository, Pace, Place};
use plimsoll::clients::repository::GitRepository;
use secrecy::SecretString;
use std::path::PathBuf;
use std::time::Duration;

/// A repository on the fake, and a clone of it.
pub struct Hub {
    pub world: World,
    pub fake: Fake,
    pub place: Place,
}

impl Hub {
    pub async fn new() -> Hub {
        Hub::over(World::new()).await
    }

    /// The same over a repository of one's choice.
    pub async fn over(world: World) -> Hub {
        let fake = Fake::over(&world.folder.path().join("remote.git")).await;
        let place = Place {
            api: fake.api.clone(),
            repository: REPOSITORY.to_string(),
            token: SecretString::from(TOKEN.to_string()),
            token_from: "GITHUB_TOKEN".to_string(),
            labels: vec!["team/payments".to_string()],
            access: Default::default(),
            folder: Default::default(),
            pace: Pace {
                timeout: Duration::from_secs(20),
                tries: 3,
                first_pause: Duration::from_millis(1),
                longest_wait: Duration::from_secs(2),
            },
        };
        let hub = Hub { world, fake, place };
        hub.fetch();
        hub
    }

    fn clone_folder(&self) -> PathBuf {
        self.world.folder.path().join("clone")
    }

    /// Clones, or brings the clone up to date, as the checkout of a workflow does.
    pub fn fetch(&self) {
        let remote = self.world.folder.path().join("remote.git");
        let folder = self.clone_folder();
        if folder.exists() {
            let git = git2::Repository::open(&folder).unwrap();
            let mut origin = git.find_remote("origin").unwrap();
            origin
                .fetch(&["+refs/heads/main:refs/heads/main"], None, None)
                .unwrap();
        } else {
            git2::build::RepoBuilder::new()
                .bare(true)
                .clone(remote.to_str().unwrap(), &folder)
                .unwrap();
        }
    }

    pub fn checkout(&self) -> GitRepository {
        GitRepository::open(&self.clone_folder(), Some("main")).unwrap()
    }

    pub fn forge(&self) -> GithubForge {
        GithubForge::new(&self.place, self.checkout(), None).unwrap()
    }

    pub fn repository(&self) -> GithubRepository {
        GithubRepository::new(self.place.clone(), self.checkout())
    }
}
