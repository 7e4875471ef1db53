// A TCP hop that passes bytes on in pieces of a given size, and one piece at a time: the next is written only when whoever
// reads has taken the one before out of its socket. So no read at the far end sees more than one piece. It asks the kernel how much
// lies unread in the reader's socket (NETLINK_SOCK_DIAG, Linux), so both ends must be on this machine. Knows nothing of protocols.
//
// Prints the port it listens on, and, when its standard input ends, what it did, as JSON.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// Small buffers: what a client can send ahead must not grow with every hop.
const bufferBytes = 64 * 1024

type totals struct {
	Pieces atomic.Int64
	// Pieces written without having been able to ask.
	Unpaced atomic.Int64
}

func main() {
	target := flag.String("target", "", "host:port on this machine")
	pieceBytes := flag.Int("piece", 1, "most bytes of a piece")
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	listener, err := net.Listen("tcp4", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	var done totals
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(client.(*net.TCPConn), *target, *pieceBytes, &done)
		}
	}()
	io.Copy(io.Discard, os.Stdin)
	json.NewEncoder(os.Stdout).Encode(map[string]int64{"pieces": done.Pieces.Load(), "unpaced": done.Unpaced.Load()})
}

func serve(client *net.TCPConn, target string, pieceBytes int, done *totals) {
	connected, err := net.Dial("tcp4", target)
	if err != nil {
		reset(client)
		return
	}
	server := connected.(*net.TCPConn)
	for _, end := range []*net.TCPConn{client, server} {
		end.SetNoDelay(true)
		end.SetReadBuffer(bufferBytes)
		end.SetWriteBuffer(bufferBytes)
	}
	ways := make(chan error, 2)
	go func() { ways <- pass(client, server, pieceBytes, done) }()
	go func() { ways <- pass(server, client, pieceBytes, done) }()
	for range 2 {
		if err := <-ways; err != nil {
			reset(client)
			reset(server)
		}
	}
	client.Close()
	server.Close()
}

// What ended without order is cut without order.
func reset(end *net.TCPConn) {
	end.SetLinger(0)
	end.Close()
}

func pass(from, to *net.TCPConn, pieceBytes int, done *totals) error {
	reader, err := readerOf(to)
	if err == nil {
		defer reader.close()
	}
	buffer := make([]byte, bufferBytes)
	for {
		got, ended := from.Read(buffer)
		for at := 0; at < got; at += pieceBytes {
			if reader == nil || !reader.waitEmpty() {
				done.Unpaced.Add(1)
			}
			done.Pieces.Add(1)
			if _, err := to.Write(buffer[at:min(at+pieceBytes, got)]); err != nil {
				return err
			}
		}
		if errors.Is(ended, io.EOF) {
			return to.CloseWrite()
		}
		if ended != nil {
			return ended
		}
	}
}

// Until nothing lies unread; false when the kernel does not say.
func (reader *farReader) waitEmpty() bool {
	for tries := 0; ; tries++ {
		unread, ok := reader.unread()
		if !ok || unread == 0 {
			return ok
		}
		if tries < yields {
			yield()
		} else {
			// The reader does something else: do not take its processor.
			time.Sleep(min(time.Duration(tries-yields+1)*10*time.Microsecond, time.Millisecond))
		}
	}
}
