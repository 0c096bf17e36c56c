package main

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"pbxjail/cmd/internal/lab"
)

// pace is the time between two packets of one address.
const pace = 10 * time.Millisecond

// startTraffic lets the PBX answer at a port and every address send there, until
// stop.
func startTraffic(ctx context.Context, n *lab.Net, port uint16, pace time.Duration, addrs []netip.Addr) (s *lab.Stream, stop func() error, err error) {
	r, err := n.NewResponder(port)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	var answering, sending error
	running.Go(func() { answering = r.Run(ctx) })
	stop = func() error {
		cancel()
		running.Wait()
		return errors.Join(answering, sending)
	}
	if s, err = n.NewStream(port, addrs...); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	running.Go(func() { sending = s.Run(ctx, pace) })
	return s, stop, nil
}

// until asks every so often whether it is so. It returns false when patience or
// ctx ends first.
func until(ctx context.Context, patience time.Duration, so func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if so() {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}
