package program

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// asFollowed names what TestFollowGivesUpCapabilities has its second run do.
const asFollowed = "PBXJAIL_TEST_FOLLOW"

// A program that is followed may read files of others, as we may, and nothing else: it gets
// neither our other capabilities nor our environment.
func TestFollowGivesUpCapabilities(t *testing.T) {
	if os.Getenv(asFollowed) != "" {
		for _, file := range []string{"status", "environ"} {
			r, err := Follow(t.Context(), "grep", "-a", "-e", "CapAmb", "-e", asFollowed, "/proc/self/"+file)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			fmt.Printf("%s: %s\n", file, strings.TrimSpace(string(text)))
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can give capabilities to a program")
	}
	again := exec.Command(os.Args[0], "-test.run", "^TestFollowGivesUpCapabilities$", "-test.v")
	again.Env = append(os.Environ(), asFollowed+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{AmbientCaps: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_DAC_READ_SEARCH}}
	out, err := again.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := fmt.Sprintf("status: CapAmb:\t%016x\n", 1<<unix.CAP_DAC_READ_SEARCH)
	if !strings.Contains(string(out), want) || !strings.Contains(string(out), "environ: \n") {
		t.Errorf("got\n%swant %q, and no environment", out, want)
	}
}
