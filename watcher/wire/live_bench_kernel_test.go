package wire

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"pbxjail/actions/kerneltest"
	"pbxjail/parsers"
	"pbxjail/parsers/sensor"
)

// BenchmarkLive measures the processor time of capture and sensor for one SIP packet:
// half of them are requests, half our challenges. A process of its own sends, so that
// its time is not counted.
//
//	PBXJAIL_KERNEL=1 go test -run '^$' -bench Live -benchtime 1x ./watcher/wire
func BenchmarkLive(b *testing.B) {
	for _, rate := range []int{0, 1000, 20_000} {
		for _, who := range []string{"one stranger", "strangers"} {
			b.Run(fmt.Sprintf("%d a second from %s", rate, who), func(b *testing.B) {
				for range b.N {
					costOf(b, rate, who == "strangers")
				}
			})
		}
	}
}

const benchFor = 5 * time.Second

func costOf(b *testing.B, rate int, many bool) {
	pbx, wild := kerneltest.Cable(b)
	defer runtime.UnlockOSThread()
	server, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(kerneltest.PBX4+":5060")))
	must(b, err)
	must(b, netns.Set(wild))
	var more []string
	for i := range 200 {
		more = append(more, fmt.Sprintf("198.51.100.%d/24", 2+i))
	}
	more = slices.DeleteFunc(more, func(a string) bool { return a == kerneltest.Attacker4+"/24" })
	kerneltest.Up(b, "wild", more...)
	var clients []*net.UDPConn
	for i := range map[bool]int{false: 1, true: 200}[many] {
		c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(198, 51, 100, byte(2+i))}, server.LocalAddr().(*net.UDPAddr))
		must(b, err)
		clients = append(clients, c)
	}
	must(b, netns.Set(pbx))
	own := netip.MustParseAddr(kerneltest.PBX4)
	s := sensor.New(sensor.Options{})
	live := NewLive(LiveOptions{Ports: guarded, Own: func(a netip.Addr) bool { return a == own }, Gap: func(from, to time.Time) { s.Gap(to) }})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	events, pieces := 0, 0
	var late []time.Duration // from the kernel's stamp on our answer until it is delivered
	go func() {
		runtime.LockOSThread()
		home, _ := netns.Get()
		netns.Set(pbx)
		var p sensor.Packet
		ended <- live.Run(ctx, func(w *Packet) {
			if pieces == 0 { // the socket is there: a goroutine with a thread of its own costs more, and the daemon's has none
				netns.Set(home)
				runtime.UnlockOSThread()
			}
			pieces++
			if w.Out {
				late = append(late, time.Since(w.Time))
			}
			p = sensor.Packet{Time: w.Time, TCP: w.TCP, Src: w.Src, Dst: w.Dst, Out: w.Out, Data: w.Data, Start: w.Start, End: w.End, Lost: w.Lost}
			s.Packet(&p, func(*parsers.Event) { events++ })
		})
	}()
	for live.Stats().Complete.IsZero() {
		runtime.Gosched()
	}
	files := []*os.File{fileOf(b, server)}
	for _, c := range clients {
		files = append(files, fileOf(b, c))
	}
	send := exec.Command(os.Args[0], "-test.run=^TestBenchSender$")
	send.Env = append(os.Environ(), "WIRE_SEND="+strconv.Itoa(rate))
	send.ExtraFiles = files
	before, waits := processor()
	must(b, send.Start())
	for _, f := range files { // or the runtime would poll them here too
		f.Close()
	}
	must(b, send.Wait())
	after, waited := processor()
	used := after - before
	st := live.Stats()
	cancel()
	must(b, <-ended)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	n := max(st.Received, 1)
	b.ReportMetric(float64(used.Microseconds())/float64(n), "µs/packet")
	b.ReportMetric(100*used.Seconds()/benchFor.Seconds(), "%core")
	b.ReportMetric(float64(waited-waits)/benchFor.Seconds(), "waits/s")
	b.ReportMetric(float64(st.Received), "packets")
	b.ReportMetric(float64(st.Dropped), "dropped")
	b.ReportMetric(float64(st.Sampled), "sampled")
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB")
	b.ReportMetric(0, "ns/op")
	if slices.Sort(late); len(late) > 0 {
		b.ReportMetric(float64(late[len(late)/2].Microseconds()), "µs-late-p50")
		b.ReportMetric(float64(late[len(late)*99/100].Microseconds()), "µs-late-p99")
	}
	runtime.KeepAlive(s)
}

func fileOf(b *testing.B, c *net.UDPConn) *os.File {
	f, err := c.File()
	must(b, err)
	c.Close()
	return f
}

// processor is what this process has used, children apart, and how often one of its
// threads waited.
func processor() (time.Duration, int64) {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), r.Nvcsw
}

// TestBenchSender is the process that sends: half the rate as requests of a phone
// that registers, and an answer to each.
func TestBenchSender(t *testing.T) {
	rate, err := strconv.Atoi(os.Getenv("WIRE_SEND"))
	if err != nil {
		t.Skip("a process of BenchmarkLive")
	}
	var conns []*net.UDPConn
	for fd := uintptr(3); ; fd++ {
		c, err := net.FilePacketConn(os.NewFile(fd, "socket"))
		if err != nil {
			break
		}
		conns = append(conns, c.(*net.UDPConn))
	}
	go challenge(conns[0])
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	begun, sent := time.Now(), 0
	for now := begun; now.Sub(begun) < benchFor; now = <-tick.C {
		for due := int(now.Sub(begun).Seconds() * float64(rate) / 2); sent < due; sent++ {
			fmt.Fprintf(conns[1+sent%(len(conns)-1)], benchRequest, sent, sent, sent/2)
		}
	}
}

const benchRequest = "REGISTER sip:198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.66:5060;branch=z9hG4bK%d;rport\r\nMax-Forwards: 70\r\n" +
	"From: <sip:101@198.51.100.1>;tag=a1b2c3\r\nTo: <sip:101@198.51.100.1>\r\nCall-ID: %d-abcdef@198.51.100.66\r\nCSeq: %d REGISTER\r\n" +
	"Contact: <sip:101@198.51.100.66:5060>\r\nUser-Agent: Labphone 1.0\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"

// challenge answers each request with 401, as a PBX would.
func challenge(c *net.UDPConn) {
	buf := make([]byte, 2048)
	for n := 0; ; n++ {
		size, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		answer := []byte("SIP/2.0 401 Unauthorized\r\n")
		lines := bufio.NewScanner(bytes.NewReader(buf[:size]))
		for lines.Scan() {
			l := lines.Bytes()
			if i := bytes.IndexByte(l, ':'); i > 0 && slices.Contains([]string{"Via", "From", "To", "Call-ID", "CSeq"}, string(l[:i])) {
				answer = append(append(answer, l...), "\r\n"...)
			}
		}
		answer = fmt.Appendf(answer, "WWW-Authenticate: Digest realm=\"asterisk\", nonce=\"1767355200/%032d\", opaque=\"0\", algorithm=md5, qop=\"auth\"\r\nServer: Asterisk\r\nContent-Length: 0\r\n\r\n", n)
		c.WriteToUDPAddrPort(answer, from)
	}
}
