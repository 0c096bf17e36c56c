package feeds

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/hint"
)

// TestTogether: lists that are each small enough do not shut the internet out together.
func TestTogether(t *testing.T) {
	dir, kernel := t.TempDir(), &lists{}
	var list []configs.Feed
	for n := range 5 {
		var text strings.Builder
		for i := range 30 { // nearly an eighth of all addresses
			fmt.Fprintf(&text, "%d.0.0.0/8\n", 1+[...]int{128, 160, 20, 130, 50}[n]+i)
		}
		path := filepath.Join(dir, fmt.Sprint(n))
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		c := feedOf(fmt.Sprintf("f%d", n), "")
		c.URL, c.File, c.Use = "", path, "ban"
		list = append(list, c)
	}
	inBubble(t, Options{Enforcer: kernel}, func(t *testing.T, f *Feeds) {
		refused := func() (names []string) {
			time.Sleep(time.Minute)
			synctest.Wait()
			for _, st := range f.Status() {
				if st.Problem != nil {
					if !errors.Is(st.Problem, errTogether) || hint.Of(st.Problem) == "" {
						t.Errorf("%s: got %v", st.Name, st.Problem)
					}
					names = append(names, st.Name)
				}
				if _, held := kernel.held[st.Name]; held != (st.Problem == nil) {
					t.Errorf("%s: in the kernel %v, problem %v", st.Name, held, st.Problem)
				}
			}
			return names
		}
		f.Set(list)
		f.Protect(nil)
		// The first two fit; the third is one too many; the fourth is nearly all in them.
		if got, want := refused(), []string{"f2", "f4"}; !slices.Equal(got, want) {
			t.Errorf("got %v refused, want %v", got, want)
		}
		f.Set(list[1:])
		if got, want := refused(), []string{"f3", "f4"}; !slices.Equal(got, want) {
			t.Errorf("got %v refused, want %v", got, want)
		}
		f.Set(list[2:3])
		if got := refused(); len(got) > 0 {
			t.Errorf("got %v refused, want none", got)
		}
	})
}
