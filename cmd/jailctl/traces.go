package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/jails"
	"pbxjail/parsers"
	"pbxjail/parsers/sensor"
	"pbxjail/watcher/wire"
)

// traces are the packets of a replay, beside the logs. Several files are one
// capture: parts of a rotation, or one for each network card.
type traces struct {
	list      []*trace
	assembler wire.Assembler
	sensor    *sensor.Sensor
	piece     sensor.Packet
	missed    uint64 // places where something is missing, as far as the sensor knows
}

// trace is one file of packets, as jails.Replay plays it.
type trace struct {
	all    *traces
	name   string
	file   *wire.Trace
	ahead  []wire.Frame // read already, to guess who is who; their data are copies
	failed error        // what ended the guess: it ends the replay there too
	frame  wire.Frame
	from   time.Time // of the first packet
	at     time.Time // of the packet that Next read last
	n      uint64
}

// captureAgain is what to do about a file of packets that cannot be read.
const captureAgain = "record the packets again: tcpdump -i any -s 0 -w new.pcap"

// open adds a trace.
func (t *traces) open(name string, text io.Reader) error {
	file, err := wire.NewTrace(text)
	if err != nil {
		return control.Refuse(0, captureAgain, "cannot read %s: %w", name, err)
	}
	t.list = append(t.list, &trace{all: t, name: name, file: file})
	return nil
}

// start gives the judge its witness, and returns what a replay plays.
func (t *traces) start(judge *jails.Judge, own []netip.Addr) (list []jails.Trace) {
	if len(t.list) == 0 {
		return nil
	}
	t.sensor = sensor.New(sensor.Options{LearnPorts: true})
	t.assembler.Own = func(a netip.Addr) bool { return slices.Contains(own, a) }
	judge.SetWitnesses(t.sensor, t.sensor)
	for _, one := range t.list {
		list = append(list, one)
	}
	return list
}

// next reads one frame, from those that were read ahead first.
func (t *trace) next() (wire.Frame, error) {
	if len(t.ahead) > 0 {
		f := t.ahead[0]
		t.ahead = t.ahead[1:]
		return f, nil
	}
	if t.failed != nil {
		return wire.Frame{}, t.failed
	}
	return t.file.Next()
}

// Next implements jails.Trace. Packets of a card that were written late count as of
// the packet before them: time only goes on.
func (t *trace) Next() (time.Time, error) {
	f, err := t.next()
	if errors.Is(err, io.EOF) {
		return time.Time{}, err
	} else if err != nil {
		return time.Time{}, control.Refuse(0, captureAgain, "cannot read %s: %w", t.name, err)
	}
	t.frame = f
	if f.Time.After(t.at) {
		t.at = f.Time
	}
	if t.n++; t.n == 1 {
		t.from = t.at
	}
	return t.at, nil
}

// Play implements jails.Trace.
func (t *trace) Play(emit func(*parsers.Event)) {
	all := t.all
	t.frame.Time = t.at
	all.assembler.Frame(t.frame, func(p *wire.Packet) {
		all.piece = sensor.Packet{Time: p.Time, TCP: p.TCP, Src: p.Src, Dst: p.Dst, Out: p.Out, Data: p.Data, Start: p.Start, End: p.End, Lost: p.Lost}
		all.sensor.Packet(&all.piece, emit)
	})
	if missed := all.assembler.Counts().Missed(); missed != all.missed {
		all.missed = missed
		all.sensor.Gap(t.at)
	}
}

// How much of a trace is read ahead to guess which side is the PBX.
const (
	guessPackets = 20_000
	guessBytes   = 8 << 20
)

// lookAhead gives the guess the first packets of the trace, and keeps them.
func (t *trace) lookAhead(g *wire.Guess) {
	var a wire.Assembler
	held := 0
	for len(t.ahead) < guessPackets && held < guessBytes {
		f, err := t.file.Next()
		if err != nil {
			t.failed = err
			return
		}
		f.Data = slices.Clone(f.Data)
		held += len(f.Data)
		t.ahead = append(t.ahead, f)
		a.Frame(f, g.Add)
	}
}

// ownAddrs are the PBX's addresses: those of the flag, or what the traces suggest.
func (a *app) ownAddrs(f replayFlags, t *traces) ([]netip.Addr, error) {
	own, err := addrsOf("own", f.own)
	if err != nil || len(own) > 0 || len(t.list) == 0 {
		return own, err
	}
	g := wire.Guess{Service: servicePort, Says: sipSays}
	for _, one := range t.list {
		one.lookAhead(&g)
	}
	if own = g.Own(); len(own) == 0 {
		a.complain("note: the trace has no packet of SIP, IAX2, AMI or HTTP, so jailctl does not know the address of the PBX. Run the command again with: --own ADDRESS")
		return nil, nil
	}
	a.complain("note: in this trace the PBX seems to have the address %s. If this is wrong, run the command again with: --own ADDRESS", addrList(own))
	return own, nil
}

// sipSays tells requests of SIP from answers by their first line (RFC 3261 7.1, 7.2).
// It serves the guess alone; what else they say is for the sensor.
func sipSays(data []byte) wire.Saying {
	first, _, _ := bytes.Cut(data[:min(len(data), 512)], []byte("\r\n"))
	switch {
	case bytes.HasPrefix(first, []byte("SIP/2.0 ")):
		return wire.Answer
	case bytes.HasSuffix(first, []byte(" SIP/2.0")):
		return wire.Request
	}
	return wire.Nothing
}

// servicePort reports whether Asterisk listens on a port by default.
func servicePort(n uint16) bool {
	return slices.ContainsFunc(sensor.DefaultPorts(), func(p sensor.Port) bool { return p.Number == n })
}

// maxNamed is how many addresses a note names.
const maxNamed = 8

func addrList(list []netip.Addr) string {
	var words []string
	for _, a := range list[:min(len(list), maxNamed)] {
		words = append(words, a.String())
	}
	if more := len(list) - maxNamed; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, " ")
}

// lateRecord is how long after its packet a record may be written.
const lateRecord = time.Minute

// report says what of the traces could not be read, and whether they can be about the
// same time as the logs.
func (t *traces) report(a *app, logs jails.Span) {
	var from, to time.Time
	for _, one := range t.list {
		if one.n > 0 && (from.IsZero() || one.from.Before(from)) {
			from = one.from
		}
		if one.at.After(to) {
			to = one.at
		}
		if one.n > 0 && !one.file.Ended() {
			a.complain("note: %s ends in the middle of a packet: this last packet is left out, all others are used", one.name)
		}
	}
	if !from.IsZero() && !logs.From.IsZero() && (from.After(logs.To.Add(lateRecord)) || to.Add(lateRecord).Before(logs.From)) {
		a.complain("note: the logs are from %s to %s, but the packets are from %s to %s, so jailctl cannot compare logs with packets. If the PBX has another time zone than this machine, write the zone of the PBX before the command: TZ=Europe/Dublin jailctl replay ...",
			a.stamp(logs.From), a.stamp(logs.To), a.stamp(from), a.stamp(to))
	}
	c := t.assembler.Counts()
	if c.Cut > 0 {
		a.complain("note: %d packets in the trace are cut, and were not read; for these moments logs could not be compared with packets. To record whole packets the next time: tcpdump -s 0", c.Cut)
	}
	if n := c.Missed() - c.Cut; n > 0 {
		a.complain("note: packets are missing in the trace, at %d places; for these moments logs could not be compared with packets", n)
	}
}

// packets is how many packets were read.
func (t *traces) packets() (n uint64) {
	for _, one := range t.list {
		n += one.n
	}
	return n
}
