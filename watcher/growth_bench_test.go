package watcher

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkGrowthLogs is the way of one line from write(2) to deliver, while so many logs are
// followed.
func BenchmarkGrowthLogs(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			var files []*os.File
			for i := range n {
				f, err := os.Create(filepath.Join(dir, fmt.Sprintf("log%d", i)))
				if err != nil {
					b.Fatal(err)
				}
				defer f.Close()
				files = append(files, f)
			}
			ctx, cancel := context.WithCancel(b.Context())
			arrived, done := make(chan time.Time), make(chan struct{})
			go func() {
				defer close(done)
				_ = New(Options{Patterns: []string{filepath.Join(dir, "log*")}, Tick: time.Hour}).Run(ctx, func(Block) error {
					arrived <- time.Now()
					return nil
				})
			}()
			for range n {
				<-arrived // the empty block of each: it is followed
			}
			var total time.Duration
			i := 0
			for b.Loop() {
				begin := time.Now()
				if _, err := files[i%n].WriteString("line\n"); err != nil {
					b.Fatal(err)
				}
				total += (<-arrived).Sub(begin)
				i++
			}
			b.ReportMetric(float64(total.Nanoseconds())/float64(b.N), "ns/each")
			cancel()
			<-done
		})
	}
}
