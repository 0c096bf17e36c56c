package hint

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestCannot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	_, err := os.Open(path)
	if got, want := Cannot(err).Error(), "cannot open "+path+": no such file or directory"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(Cannot(err), fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
	if got, want := Cannot(os.Rename(path, path+"2")).Error(), "cannot rename "+path+" to "+path+"2: no such file or directory"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	other := errors.New("other")
	if Cannot(other) != other || Cannot(nil) != nil {
		t.Error("an error of another kind does not stay as it is")
	}
}
