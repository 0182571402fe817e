//! The one address that buyers, agents and workers know, as a balancer has it: each connection goes to the next process
//! that takes it, and breaks with it. It looks into nothing and repeats nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, RwLock};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) struct Front {
    pub(crate) url: String,
    backs: Arc<Backs>,
    door: JoinHandle<()>,
}

#[derive(Default)]
struct Backs {
    addresses: RwLock<Vec<Option<SocketAddr>>>,
    turn: AtomicUsize,
}

impl Front {
    pub(crate) async fn open(replicas: usize) -> Front {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let backs = Arc::new(Backs { addresses: RwLock::new(vec![None; replicas]), ..Backs::default() });
        let door = tokio::spawn(serve(listener, Arc::clone(&backs)));
        Front { url, backs, door }
    }

    /// Where a replica is now; `None`: nowhere.
    pub(crate) fn point(&self, replica: usize, address: Option<SocketAddr>) {
        self.backs.addresses.write().unwrap()[replica] = address;
    }

    /// Those that are there.
    pub(crate) fn backs(&self) -> Vec<SocketAddr> {
        self.backs.addresses.read().unwrap().iter().flatten().copied().collect()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.door.abort();
    }
}

async fn serve(listener: TcpListener, backs: Arc<Backs>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        tokio::spawn(carry(client, Arc::clone(&backs)));
    }
}

async fn carry(mut client: TcpStream, backs: Arc<Backs>) {
    let _ = client.set_nodelay(true);
    for address in backs.in_turn() {
        if let Ok(mut back) = TcpStream::connect(address).await {
            let _ = back.set_nodelay(true);
            let _ = tokio::io::copy_bidirectional(&mut client, &mut back).await;
            return;
        }
    }
}

impl Backs {
    /// All that are there, beginning with the next.
    fn in_turn(&self) -> Vec<SocketAddr> {
        let mut there: Vec<_> = self.addresses.read().unwrap().iter().flatten().copied().collect();
        let next = self.turn.fetch_add(1, Relaxed);
        if !there.is_empty() {
            let first = next % there.len();
            there.rotate_left(first);
        }
        there
    }
}
