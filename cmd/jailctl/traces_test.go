package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// capture is a trace of one SIP request from a caller to the PBX, and its answer.
func capture() []byte {
	pbx, caller := netip.MustParseAddrPort("192.0.2.10:5060"), netip.MustParseAddrPort("198.51.100.7:40000")
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, make([]byte, 12)...)
	b = le.AppendUint32(b, 65535)
	b = le.AppendUint32(b, 101)
	for i, way := range [][2]netip.AddrPort{{caller, pbx}, {pbx, caller}} {
		text := []string{"OPTIONS sip:192.0.2.10 SIP/2.0\r\n\r\n", "SIP/2.0 401 Unauthorized\r\n\r\n"}[i]
		p := make([]byte, 28)
		p[0], p[8], p[9] = 0x45, 64, 17
		binary.BigEndian.PutUint16(p[2:], uint16(28+len(text)))
		src, dst := way[0].Addr().As4(), way[1].Addr().As4()
		copy(p[12:], src[:])
		copy(p[16:], dst[:])
		binary.BigEndian.PutUint16(p[20:], way[0].Port())
		binary.BigEndian.PutUint16(p[22:], way[1].Port())
		binary.BigEndian.PutUint16(p[24:], uint16(8+len(text)))
		p = append(p, text...)
		b = le.AppendUint32(b, 1767355200)
		b = le.AppendUint32(b, uint32(i))
		b = le.AppendUint32(b, uint32(len(p)))
		b = le.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

// TestReplaySaysThatLogsAndTraceAreOfDifferentTimes: a wrong zone makes each record one
// that no packet supports, so it must be reported.
func TestReplaySaysThatLogsAndTraceAreOfDifferentTimes(t *testing.T) {
	const late = "so jailctl cannot compare logs with packets"
	dir := t.TempDir()
	trace, log := filepath.Join(dir, "trace"), filepath.Join(dir, "messages")
	if err := os.WriteFile(trace, capture(), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1767355200, 0) // of the packets, as capture has it
	for _, c := range []struct {
		at   time.Time
		says bool
	}{{at, false}, {at.Add(30 * time.Second), false}, {at.Add(time.Hour), true}, {at.Add(-5 * time.Hour), true}} {
		line := fmt.Sprintf("[%s] NOTICE[1] chan_sip.c: Registration from '<sip:301@192.0.2.10>' failed for '198.51.100.7:5060' - Wrong password\n", c.at.In(time.Local).Format("2006-01-02 15:04:05"))
		if err := os.WriteFile(log, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, err strings.Builder
		if status := run([]string{"replay", "--own", "192.0.2.10", trace, log}, strings.NewReader(""), &out, &err); status != 0 {
			t.Fatal(err.String())
		}
		if got := strings.Contains(err.String(), late); got != c.says {
			t.Errorf("a log of %v: got %q", c.at, &err)
		}
	}
}

func TestReplayReadsTraces(t *testing.T) {
	const guessed = "note: in this trace the PBX seems to have the address 192.0.2.10"
	whole := capture()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(whole)
	z.Close()
	odd := bytes.Clone(whole)
	odd[20] = 147
	for _, c := range []struct {
		name   string
		file   []byte
		flags  []string
		status int
		says   []string
		not    string
	}{
		{"alone", whole, nil, 0, []string{guessed, "lines=0 matched=0 ambiguous=0 bans=0 packets=2"}, ""},
		{"packed", packed.Bytes(), nil, 0, []string{guessed, "packets=2"}, ""},
		{"with --own", whole, []string{"--own", "192.0.2.10"}, 0, []string{"packets=2"}, "note:"},
		{"cut", whole[:len(whole)-3], nil, 0, []string{"ends in the middle of a packet", "packets=1"}, ""},
		{"of a link that is not read", odd, nil, 1, []string{"link type 147", "tcpdump"}, ""},
		{"without a service", whole[:24], nil, 0, []string{"jailctl does not know the address of the PBX"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "any-name")
			if err := os.WriteFile(file, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			var out, err strings.Builder
			status := run(append([]string{"replay", file}, c.flags...), strings.NewReader(""), &out, &err)
			if status != c.status {
				t.Errorf("got exit status %d, want %d: %s", status, c.status, &err)
			}
			for _, want := range c.says {
				if !strings.Contains(err.String(), want) {
					t.Errorf("got %q, want %q in it", &err, want)
				}
			}
			if c.not != "" && strings.Contains(err.String(), c.not) {
				t.Errorf("got %q, want no %q in it", &err, c.not)
			}
		})
	}
}

func TestParseRefusesTraces(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace")
	if err := os.WriteFile(file, capture(), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, err strings.Builder
	if status := run([]string{"parse", file}, strings.NewReader(""), &out, &err); status != 1 || !strings.Contains(err.String(), "for packet traces: jailctl replay ") || out.Len() > 0 {
		t.Errorf("got exit status %d, %q and %q", status, &out, &err)
	}
}
