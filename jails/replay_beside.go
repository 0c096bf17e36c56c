package jails

import (
	"slices"
	"sync"
	"time"

	"pbxjail/jails/recent"
	"pbxjail/parsers"
)

const (
	// pagesAhead is how many blocks are read and not judged yet.
	pagesAhead = 4
	// logsAhead is how many logs are read ahead at most: each takes a page more.
	logsAhead = 8
	// playedAtOnce is how many events go from one goroutine to the other at once.
	playedAtOnce = 4 * recent.WarmAtOnce
)

// played is an event that goes to the judge, or the page that no event is left of.
type played struct {
	src   *Source
	event *parsers.Event
	at    time.Time
	done  *page
}

// beside is merge on several processors: one goroutine for each log reads blocks and looks at
// their lines, one parses the blocks of all logs, and this one judges. The logs are parsed in
// the same order, and judged in the same order, as by merge alone, so the verdicts are the same.
func (r *Replay) beside(all []feed, take func(Verdict)) error {
	free := make(chan *page, 2*len(all)+pagesAhead)
	newPage := func() *page {
		p := &page{memory: make([]byte, parsers.BlockSize)}
		if len(all) <= logsAhead {
			p.heads = new(parsers.Heads)
		}
		return p
	}
	for range pagesAhead {
		free <- newPage()
	}
	batches := make(chan []played, pagesAhead)
	batch := make([]played, 0, playedAtOnce)
	send := func(h played) {
		if batch = append(batch, h); len(batch) == playedAtOnce || h.done != nil {
			batches <- batch
			batch = make([]played, 0, playedAtOnce)
		}
	}
	var ahead sync.WaitGroup
	defer ahead.Wait()
	for _, f := range all {
		log := f.(*reader)
		log.page = newPage()
		if len(all) <= logsAhead {
			log.empty, log.coming = make(chan *page, 1), make(chan *page, 1)
			log.empty <- newPage()
			ahead.Go(log.ahead)
			defer close(log.empty)
		}
		log.swap = func(done *page) *page {
			send(played{done: done}) // so that a page becomes free
			return <-free
		}
	}
	failed := make(chan error, 1)
	go func() {
		defer close(batches)
		failed <- r.merge(all, func(f feed) {
			log := f.(*reader) // packets are judged while they are read
			e := log.event()
			send(played{src: log.src, event: e, at: log.at(e)})
		}, take)
		batches <- batch
	}()
	for batch := range batches {
		for some := range slices.Chunk(batch, recent.WarmAtOnce) {
			r.hear(some, free, take)
		}
	}
	return <-failed
}

// hear judges some events, and frees the pages that no event is left of.
func (r *Replay) hear(some []played, free chan<- *page, take func(Verdict)) {
	w := &r.Judge.warmer
	w.next = w.next[:0]
	for i := range some {
		if e := some[i].event; e != nil {
			w.next = append(w.next, e)
		}
	}
	r.Judge.warm(w.next)
	for i := range some {
		if h := &some[i]; h.done != nil {
			free <- h.done
		} else {
			r.Judge.Hear(h.src, h.event, h.at, take)
		}
	}
}
