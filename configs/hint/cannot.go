package hint

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
)

// plain are the words for system calls whose names only developers know.
var plain = map[string]string{"stat": "read", "lstat": "read", "mkdir": "make the folder", "unlinkat": "delete", "remove": "delete", "openat": "open"}

// Cannot is an error of a file as a sentence: "cannot open PATH: permission denied", because
// "open PATH: permission denied" reads like an order. Any other error stays as it is.
func Cannot(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return fmt.Errorf("cannot %s %s: %w", cmp.Or(plain[e.Op], e.Op), e.Path, e.Err)
	case *os.LinkError:
		return fmt.Errorf("cannot %s %s to %s: %w", e.Op, e.Old, e.New, e.Err)
	}
	return err
}
