//! The upper limit: a loop that sends as many packets as it received, and checks nothing.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

use libc::{c_uint, iovec, mmsghdr, sockaddr_in};

/// The header arrays of one direction, and the buffers that they point to.
struct Batch<const N: usize> {
    names: [sockaddr_in; N],
    payloads: [[u8; 64]; N],
    vectors: [iovec; N],
    messages: [mmsghdr; N],
}

impl<const N: usize> Batch<N> {
    fn new(len: usize) -> Box<Batch<N>> {
        // SAFETY: plain C structures of integers and raw pointers, for which zero is a valid value.
        let mut batch: Box<Batch<N>> = Box::new(unsafe { zeroed() });
        let Batch { names, payloads, vectors, messages } = &mut *batch;
        for at in 0..N {
            vectors[at] = iovec { iov_base: payloads[at].as_mut_ptr().cast(), iov_len: len };
            let header = &mut messages[at].msg_hdr;
            header.msg_name = ptr::from_mut(&mut names[at]).cast();
            header.msg_namelen = size_of::<sockaddr_in>() as u32;
            header.msg_iov = &mut vectors[at];
            header.msg_iovlen = 1;
        }
        batch
    }
}

/// Makes `count` exchanges of 8 bytes with `hosts` in turn, with `window` of them in flight and `N` per system call.
pub fn exchange<const N: usize>(hosts: &[SocketAddr], count: u64, window: u32) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(8 << 20)?;
    never_fragment(&socket);
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut out = Batch::<N>::new(8);
    let mut back = Batch::<N>::new(64);
    let mut next = (0..count).zip(hosts.iter().cycle());
    let mut send_some = |wanted: usize| -> io::Result<()> {
        for start in (0..wanted).step_by(N) {
            let len = fill(&mut out, next.by_ref().take(N.min(wanted - start)));
            send(&socket, &mut out, len)?;
        }
        Ok(())
    };
    send_some(window as usize)?;
    let mut heard = 0;
    while heard < count {
        let received = recv(&socket, &mut back)?;
        heard += received as u64;
        send_some(received)?;
    }
    Ok(())
}

/// Sets "don't fragment", as `net` does, for a fair comparison.
fn never_fragment(socket: &UdpSocket) {
    let mode = libc::IP_PMTUDISC_PROBE;
    // SAFETY: the value is an int that is alive during the call.
    unsafe {
        let value = ptr::from_ref(&mode).cast();
        let size = size_of::<libc::c_int>() as u32;
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, value, size);
    }
}

fn fill<'a, const N: usize>(
    batch: &mut Batch<N>,
    requests: impl Iterator<Item = (u64, &'a SocketAddr)>,
) -> usize {
    let mut len = 0;
    for (number, host) in requests {
        let SocketAddr::V4(host) = host else { continue };
        let name = &mut batch.names[len];
        name.sin_family = libc::AF_INET as u16;
        name.sin_port = host.port().to_be();
        name.sin_addr.s_addr = u32::from_ne_bytes(host.ip().octets());
        batch.payloads[len][..8].copy_from_slice(&number.to_be_bytes());
        len += 1;
    }
    len
}

fn send<const N: usize>(socket: &UdpSocket, batch: &mut Batch<N>, len: usize) -> io::Result<()> {
    let mut sent = 0;
    while sent < len {
        // SAFETY: all messages point into the batch, which is boxed and alive; `len` is at most N.
        let count = unsafe {
            let first = batch.messages.as_mut_ptr().add(sent);
            libc::sendmmsg(socket.as_raw_fd(), first, (len - sent) as c_uint, 0)
        };
        sent += usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    }
    Ok(())
}

fn recv<const N: usize>(socket: &UdpSocket, batch: &mut Batch<N>) -> io::Result<usize> {
    // SAFETY: as in `send`; the timeout may be null.
    let count = unsafe {
        let first = batch.messages.as_mut_ptr();
        libc::recvmmsg(socket.as_raw_fd(), first, N as c_uint, libc::MSG_WAITFORONE as _, ptr::null_mut())
    };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}
