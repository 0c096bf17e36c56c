package watcher_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"pbxjail/watcher"
)

// A Watcher hands out whole lines, also of a file that does not exist when it starts.
func Example() {
	dir, err := os.MkdirTemp("", "watcher")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	w := watcher.New(watcher.Options{Patterns: []string{filepath.Join(dir, "*.log")}})

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-w.Ready()
		if err := os.WriteFile(filepath.Join(dir, "full.log"), []byte("one\ntwo\n"), 0o644); err != nil {
			cancel()
		}
	}()
	lines := 0
	err = w.Run(ctx, func(b watcher.Block) error {
		fmt.Print(string(b.Data))
		for _, c := range b.Data {
			if c == '\n' {
				lines++
			}
		}
		if lines == 2 {
			cancel() // Run returns nil
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// one
	// two
}
