// Package notify takes what happened to those who want to know of it, beside the path where
// it happened: to the log, and to all who listen on the control socket. The daemon and
// its main call it.
//
// It must never make the caller wait: a reader that is slow or gone can lose lines, but
// never delays a ban. Lost lines are counted, and the count is reported.
package notify

import (
	"context"
	"sync/atomic"
)

// Queue holds things until its Run delivers them. It is bounded: what comes while it is
// full is dropped and counted. Put may be called from any goroutine, and under any lock.
type Queue[T any] struct {
	waiting chan *T // an empty queue of many places is small, for any type
	dropped atomic.Uint64
}

// NewQueue makes a queue for at most size things. It starts nothing.
func NewQueue[T any](size int) *Queue[T] { return &Queue[T]{waiting: make(chan *T, size)} }

// Put adds a thing without waiting. It reports false when the thing was dropped.
func (q *Queue[T]) Put(v T) bool {
	select {
	case q.waiting <- &v:
		return true
	default:
		q.dropped.Add(1)
		return false
	}
}

// Dropped is how many things were dropped since the queue was made.
func (q *Queue[T]) Dropped() uint64 { return q.dropped.Load() }

// Waiting is how many things wait now.
func (q *Queue[T]) Waiting() int { return len(q.waiting) }

// Run calls deliver with one thing after another, in their order, until ctx ends and
// nothing waits. It is for one goroutine, and returns nil.
func (q *Queue[T]) Run(ctx context.Context, deliver func(T)) error {
	for {
		select {
		case v := <-q.waiting:
			deliver(*v)
			continue
		default:
		}
		select {
		case v := <-q.waiting:
			deliver(*v)
		case <-ctx.Done():
			if len(q.waiting) == 0 {
				return nil
			}
		}
	}
}
