package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/parsers/sensor"
	"pbxjail/watcher/wire"
)

// BenchmarkWire is one registration of an honest phone: four packets, from the sensor to
// the warden.
func BenchmarkWire(b *testing.B) {
	dir := b.TempDir()
	d, err := New(Options{Config: mainFileIn(b, dir), Log: quiet()})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	w := newWireSource(configs.Wire{Enabled: true, Limit: 8000}, sensor.DefaultPorts(), quiet(), wire.LiveOptions{})
	w.hear = d.warden.HearWire
	w.sensor.Begin(time.Now())
	n := 0
	for b.Loop() {
		n++
		at := time.Now()
		for _, p := range registration(at, n) {
			w.packet(p)
		}
	}
}

// mainFileIn is a daemon's that drops nothing, with the shipped jails.
func mainFileIn(b *testing.B, dir string) string {
	path := filepath.Join(dir, "pbxjail.yaml")
	text := fmt.Sprintf("jails: %[1]s/jails\nasterisk: %[1]s\ndatabase: %[1]s/db\nsocket: %[1]s/s\nenforcer: observe\nwire: {enabled: false}\n", dir)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// registration are the packets of a phone that logs in.
func registration(at time.Time, n int) []*wire.Packet {
	head := fmt.Sprintf("Via: SIP/2.0/UDP 203.0.113.9:5071;branch=z9hG4bK%%d\nFrom: <sip:101@192.0.2.10>;tag=%[1]d\nTo: <sip:101@192.0.2.10>\nCall-ID: %[1]d\nCSeq: %%d REGISTER\nUser-Agent: Yealink SIP-T46S\n", n)
	ask := func(seq int, more string) *wire.Packet {
		return &wire.Packet{Time: at, Src: farEnd, Dst: pbxEnd, Data: []byte(message.Replace("REGISTER sip:192.0.2.10 SIP/2.0\n" + fmt.Sprintf(head, 2*n+seq, seq) + more + "Content-Length: 0\n\n"))}
	}
	answer := func(seq int, status, more string) *wire.Packet {
		return &wire.Packet{Time: at, Src: pbxEnd, Dst: farEnd, Out: true, Data: []byte(message.Replace("SIP/2.0 " + status + "\n" + fmt.Sprintf(head, 2*n+seq, seq) + more + "Content-Length: 0\n\n"))}
	}
	nonce := fmt.Sprintf("nonce%d", n)
	return []*wire.Packet{
		ask(1, ""), answer(1, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"asterisk\", nonce=\""+nonce+"\"\n"),
		ask(2, "Authorization: Digest username=\"101\", realm=\"asterisk\", nonce=\""+nonce+"\", uri=\"sip:192.0.2.10\", response=\"0123456789abcdef0123456789abcdef\"\n"),
		answer(2, "200 OK", ""),
	}
}
