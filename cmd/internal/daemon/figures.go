package daemon

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"runtime/metrics"
	"slices"

	"pbxjail/cmd/internal/control"
	"pbxjail/jails/warden"
	"pbxjail/parsers"
)

// figures are the counters that status and metrics show.
func (b *backend) figures(f warden.Figures) control.Figures {
	out := control.Figures{
		Events: eventsOf(&f.Events), Protected: f.Protected, Bans: countsOf(f.BansBy), Active: countsOf(f.ActiveBy), Repairs: countsOf(f.RepairsBy),
		Pending: f.Pending, Unwritten: f.Unwritten, Latency: latencyOf(&f.Latency), Queues: b.queues(), Memory: memory(),
	}
	if b.lost != nil {
		out.LogLost = b.lost()
	}
	n, known, err := b.off.enforcer.Dropped()
	if err != nil {
		b.log.Error("cannot read from the firewall how many packets were dropped, so jailctl shows too few packets. Bans are not affected", "err", err, "hint", todo(err, countHint))
	}
	if known {
		out.Dropped = &control.Dropped{Packets: n.Packets, Bytes: n.Bytes}
	}
	return out
}

// countsOf sorts numbers by name.
func countsOf[N int | uint64](m map[string]N) (list []control.Count) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, control.Count{Name: cmp.Or(name, "unknown"), N: uint64(m[name])})
	}
	return list
}

// eventsOf lists each kind with each witness, also those without an event.
func eventsOf(e *warden.Events) (list []control.EventCount) {
	for kind := parsers.BadPassword; int(kind) < parsers.KindCount; kind++ {
		for channel := range e[kind] {
			list = append(list, control.EventCount{Kind: kind.String(), Witness: parsers.Channel(channel).String(), Events: e[kind][channel]})
		}
	}
	return list
}

func latencyOf(l *warden.Latency) (out control.Latency) {
	out.Seconds = l.Sum.Seconds()
	for i, n := range l.Buckets {
		out.Bans += n
		if i < len(warden.LatencyBounds) {
			out.Within = append(out.Within, control.LatencyBucket{Seconds: warden.LatencyBounds[i].Seconds(), Bans: out.Bans})
		}
	}
	return out
}

// memory asks the kernel and the Go runtime. Both answer at once.
func memory() (m control.Memory) {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	if metrics.Read(sample); sample[0].Value.Kind() == metrics.KindUint64 {
		m.Go = sample[0].Value.Uint64()
	}
	text, err := os.ReadFile("/proc/self/statm") // proc_pid_statm(5)
	if err != nil {
		return m
	}
	var size, resident uint64
	if n, _ := fmt.Fscan(bytes.NewReader(text), &size, &resident); n == 2 {
		m.Resident = resident * uint64(os.Getpagesize())
	}
	return m
}

// queues are those of the notifiers.
func (n *notifiers) queues() (list []control.Queue) {
	for _, r := range n.list {
		list = append(list, control.Queue{To: r.name, Waiting: r.queue.Waiting(), Dropped: r.queue.Dropped()})
	}
	return list
}
