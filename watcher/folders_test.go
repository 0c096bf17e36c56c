package watcher

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFolders: a change is noticed, and a folder that is not there does no harm.
func TestFolders(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	changed, ended := make(chan bool, 1000), make(chan error, 1)
	go func() {
		ended <- Folders(ctx, []string{dir, dir + "/none"}, func() {
			select {
			case changed <- true:
			default:
			}
		})
	}()
	again := time.NewTicker(10 * time.Millisecond) // it may not watch yet
	defer again.Stop()
	for seen := false; !seen; {
		if err := os.WriteFile(filepath.Join(dir, "logger.conf"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		select {
		case seen = <-changed:
		case <-again.C:
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("got %v", err)
	}
}
