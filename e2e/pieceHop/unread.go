// How much lies unread in the socket at the other end of a connection on this machine.
package main

import (
	"encoding/binary"
	"net"
	"syscall"
)

const (
	netlinkSockDiag  = 4
	sockDiagByFamily = 20
	headerBytes      = 16
	requestBytes     = headerBytes + 56
	// Where inet_diag_msg (linux/inet_diag.h) has idiag_rqueue.
	rqueueAt = headerBytes + 56
	yields   = 50
)

type farReader struct {
	socket  int
	request [requestBytes]byte
	answer  [512]byte
}

// The socket that `to` writes to.
func readerOf(to *net.TCPConn) (*farReader, error) {
	socket, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, netlinkSockDiag)
	if err != nil {
		return nil, err
	}
	reader := &farReader{socket: socket}
	far, near := to.RemoteAddr().(*net.TCPAddr), to.LocalAddr().(*net.TCPAddr)
	message := reader.request[:]
	binary.NativeEndian.PutUint32(message[0:], requestBytes)
	binary.NativeEndian.PutUint16(message[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(message[6:], syscall.NLM_F_REQUEST)
	body := message[headerBytes:]
	body[0], body[1] = syscall.AF_INET, syscall.IPPROTO_TCP
	binary.NativeEndian.PutUint32(body[4:], ^uint32(0))
	// inet_diag_sockid: the far end's own address first.
	binary.BigEndian.PutUint16(body[8:], uint16(far.Port))
	binary.BigEndian.PutUint16(body[10:], uint16(near.Port))
	copy(body[12:], far.IP.To4())
	copy(body[28:], near.IP.To4())
	// INET_DIAG_NOCOOKIE.
	binary.NativeEndian.PutUint64(body[48:], ^uint64(0))
	return reader, nil
}

// False when there is no such socket any more, or the kernel does not answer.
func (reader *farReader) unread() (uint32, bool) {
	if err := syscall.Sendto(reader.socket, reader.request[:], 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return 0, false
	}
	got, _, err := syscall.Recvfrom(reader.socket, reader.answer[:], 0)
	if err != nil || got < rqueueAt+4 || binary.NativeEndian.Uint16(reader.answer[4:]) != sockDiagByFamily {
		return 0, false
	}
	return binary.NativeEndian.Uint32(reader.answer[rqueueAt:]), true
}

func (reader *farReader) close() { syscall.Close(reader.socket) }

func yield() { syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
