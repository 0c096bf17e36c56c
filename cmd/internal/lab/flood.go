package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	floodPort  = 5998 // nothing of Asterisk's, and none of the probes'
	floodBatch = 64   // datagrams of one sendmmsg(2)
)

// Flood sends small datagrams from an IPv4 address of the world to the PBX, as fast
// as one thread can, and reports how many its firewall let through and how long the
// sending took. The kernel takes a packet across the wire as part of the send, so
// that time is the whole cost of both sides, the firewall's included.
func (n *Net) Flood(from netip.Addr, count int) (through int, took time.Duration, err error) {
	return n.FloodTo(from, floodPort, count)
}

// FloodTo is Flood for another port, on which no program may listen.
func (n *Net) FloodTo(from netip.Addr, port uint16, count int) (through int, took time.Duration, err error) {
	var sink *net.UDPConn
	err = n.PBX.Do(func() (err error) {
		sink, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(PBX4, port)))
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("open port %d: %w", port, err)
	}
	defer sink.Close()
	if err := sink.SetReadBuffer(1); err != nil { // the least there is: what came is counted by the kernel
		return 0, 0, err
	}
	conn, err := n.dial(from, port)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	before, err := n.datagrams()
	if err != nil {
		return 0, 0, err
	}
	if took, err = flood(conn, count); err != nil {
		return 0, 0, fmt.Errorf("send from %s: %w", from, err)
	}
	after, err := n.settled(sink)
	return after - before, took, err
}

func flood(conn *net.UDPConn, count int) (time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	batch := make([]ipv4.Message, floodBatch)
	for i := range batch {
		batch[i].Buffers = [][]byte{make([]byte, 64)}
	}
	to := ipv4.NewPacketConn(conn)
	begin := time.Now()
	for count > 0 {
		sent, err := to.WriteBatch(batch[:min(floodBatch, count)], 0)
		if err != nil {
			return 0, err
		}
		count -= sent
	}
	return time.Since(begin), nil
}

// settled is datagrams when no more come.
func (n *Net) settled(sink *net.UDPConn) (count int, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	buf := make([]byte, 128)
	for before := -1; count != before; <-tick.C {
		for err = nil; err == nil; { // those that are read are counted too
			sink.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err = sink.Read(buf)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		before = count
		if count, err = n.datagrams(); err != nil {
			return 0, err
		}
	}
	return count, nil
}

// datagrams is how many reached the PBX's UDP, whatever became of them there:
// proc_net(5), the line of values of Udp in snmp.
func (n *Net) datagrams() (count int, err error) {
	var text []byte
	err = n.PBX.Do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/snmp")
		return err
	})
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		// Udp: InDatagrams NoPorts InErrors ...
		if f := strings.Fields(line); len(f) > 3 && f[0] == "Udp:" && f[1] != "InDatagrams" {
			for _, value := range f[1:4] {
				number, err := strconv.Atoi(value)
				if err != nil {
					return 0, fmt.Errorf("read /proc/net/snmp: %w", err)
				}
				count += number
			}
		}
	}
	return count, nil
}
