package main

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

// lastResort ends the process when it does not end by itself: something waits for a dead
// disk, for the lock of iptables, or for another program. Then nothing is lost: bans are in
// the kernel, the ledger survives a crash, and lines whose bans it lacks are read again.
type lastResort struct {
	left   func() []string // what has not ended
	log    *slog.Logger    // may block
	exit   func(status int)
	status atomic.Int32 // for exit
}

const (
	// endTime is how long a stop may take: a little longer than daemon.Run takes at most.
	endTime = 1700 * time.Millisecond
	// lastWords is how long writing the last log lines may take.
	lastWords = 200 * time.Millisecond
)

// wait returns when over is closed. If that is not so within endTime after asked was
// closed, it says what is left, and ends the process.
func (l *lastResort) wait(asked, over <-chan struct{}) {
	<-asked
	select {
	case <-over:
		return
	case <-time.After(endTime):
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		l.log.Error("pbxjail ends now, although some of its parts did not stop in time. Bans stay in force, and the database is not damaged",
			"left", strings.Join(l.left(), ", "), "hint", "nothing to do. If this message comes at each stop: fuser -v /run/xtables.lock shows which program holds the firewall; dmesg shows errors of the disk")
	}()
	select {
	case <-written:
	case <-over:
	case <-time.After(lastWords):
	}
	l.exit(int(l.status.Load()))
}
