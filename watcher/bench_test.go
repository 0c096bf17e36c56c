package watcher

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkRead is how fast a file that is there passes through deliver.
func BenchmarkRead(b *testing.B) {
	line := []byte("[2026-01-02 03:04:05] NOTICE[2210] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:100@pbx>' failed for '192.0.2.1:5060' (callid: x)\n")
	text := bytes.Repeat(line, (64<<20)/len(line))
	path := filepath.Join(b.TempDir(), "full")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		b.Fatal(err)
	}
	from := func(file string) (Position, bool) { return Position{File: file}, true }
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		read := 0
		ctx, cancel := context.WithCancel(b.Context())
		err := New(Options{Patterns: []string{path}, Resume: from}).Run(ctx, func(block Block) error {
			if read += len(block.Data); read == len(text) {
				cancel()
			}
			return nil
		})
		if err != nil || read != len(text) {
			b.Fatalf("got %d bytes and %v, want %d", read, err, len(text))
		}
	}
	b.ReportMetric(float64(len(text)/len(line))*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkWake is the way of one line from write(2) to deliver, and back to the
// writer.
func BenchmarkWake(b *testing.B) {
	path := filepath.Join(b.TempDir(), "full")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(b.Context())
	arrived, done := make(chan time.Time), make(chan struct{})
	go func() {
		defer close(done)
		_ = New(Options{Patterns: []string{path}, Tick: time.Hour}).Run(ctx, func(Block) error {
			arrived <- time.Now()
			return nil
		})
	}()
	<-arrived // the empty block: it is followed
	var total time.Duration
	for b.Loop() {
		begin := time.Now()
		if _, err := f.WriteString("line\n"); err != nil {
			b.Fatal(err)
		}
		total += (<-arrived).Sub(begin)
	}
	b.ReportMetric(float64(total.Nanoseconds())/float64(b.N), "ns/write-to-deliver")
	cancel()
	<-done
}
