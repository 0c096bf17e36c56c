package wire

import (
	"errors"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// rings are two sockets: one for what comes, one for what this host sends. Only the second
// wakes its reader up. To wake up costs more than ten packets, and it is our answer that
// says what a request was worth: the request is read with it. What is not answered is read
// when the reader looks, four to ten times a second, or at a call of Live.Sync. So is what we
// send to familiar addresses: most of what a PBX sends goes to its own phones, and decides
// nothing.
type rings struct {
	in, out *ring
	bell    *bell // of out
	torn    bool  // the last refilter failed on the way: the next one gives both sockets a filter
}

// How many packets may wait: 2 MiB and 1 MiB.
const (
	inFrames  = 1024
	outFrames = 512
)

// maxDrain is how many packets one drain takes, so that its caller comes to other work.
const maxDrain = 256

// openRings opens both.
func openRings(ports []Port) (r *rings, err error) {
	r = &rings{}
	for _, one := range []struct {
		to     **ring
		way    Way
		frames int
	}{{&r.in, In, inFrames}, {&r.out, Out, outFrames}} {
		program, err := bpf.Assemble(filter(one.way, ports, lists{}))
		if err == nil {
			*one.to, err = openRing(program, one.frames)
		}
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	if r.bell, err = newBell(r.out); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *rings) close() (err error) {
	if r.bell != nil {
		err = r.bell.close()
	}
	for _, one := range []*ring{r.in, r.out} {
		if one != nil {
			err = errors.Join(err, one.close())
		}
	}
	return err
}

// refilter gives the kernel new filters in place of those with the lists of before. For a
// moment both sockets may have what is sent to an address whose place changes, and at no
// time neither: a packet twice is a retransmission. Ports have changed if both lists are the
// same.
func (r *rings) refilter(ports []Port, before, now lists) error {
	whole := !r.torn
	r.torn = true
	both := lists{now.shut, now.familiar}
	for _, a := range before.familiar {
		if !slices.Contains(both.familiar, a) {
			both.familiar = append(slices.Clip(both.familiar), a)
		}
	}
	steps := []step{{r.in, In, both}, {r.out, Out, now}, {r.in, In, now}}
	switch {
	case whole && slices.Equal(before.familiar, now.familiar) && !slices.Equal(before.shut, now.shut): // the filter of what is sent knows no shut address
		steps = steps[:1]
	case len(both.familiar) == len(now.familiar):
		steps = steps[:2]
	}
	for _, s := range steps {
		program, err := bpf.Assemble(filter(s.way, ports, s.lists))
		if err == nil {
			err = s.ring.attach(program)
		}
		if err != nil {
			return err
		}
	}
	r.torn = false
	return nil
}

// step is one filter of a refilter.
type step struct {
	ring *ring
	way  Way
	lists
}

// lost is how many packets did not fit since the last call.
func (r *rings) lost() (uint32, error) {
	in, err := r.in.lost()
	out, more := r.out.lost()
	return in + out, errors.Join(err, more)
}

// drain calls take for the packets that are there, in the order of their times, and
// returns how many, and how many of them woke its reader up.
func (r *rings) drain(take func(*raw)) (n, rang int) {
	var p raw
	for ; n < maxDrain; n++ {
		from, h := r.in, r.in.frame()
		if sent := r.out.frame(); sent != nil && (h == nil || before(sent, h)) {
			from, h = r.out, sent
		}
		if h == nil {
			return n, rang
		}
		if from == r.out {
			rang++
		}
		p = from.packet(h)
		take(&p)
		from.release(h)
	}
	return n, rang
}

func before(a, b *unix.Tpacket2Hdr) bool {
	return a.Sec < b.Sec || a.Sec == b.Sec && a.Nsec < b.Nsec
}
