package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"pbxjail/cmd/internal/lab/madelog"
)

// BenchmarkTool reads a log whole, from its file to the last line that is printed.
func BenchmarkTool(b *testing.B) {
	const lines = 100_000
	for _, kind := range []string{"full", "security"} {
		log := filepath.Join(b.TempDir(), kind)
		if _, err := madelog.WriteFile(log, kind, lines); err != nil {
			b.Fatal(err)
		}
		for _, args := range [][]string{{"replay", "--bans"}, {"parse"}} {
			b.Run(fmt.Sprint(args[0], " ", kind), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if status := run(append(args, log), strings.NewReader(""), io.Discard, io.Discard); status != exitDone {
						b.Fatalf("status %d", status)
					}
				}
				b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
			})
		}
	}
}
