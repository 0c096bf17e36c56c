package lab

import (
	"os"
	"os/exec"
	"testing"
)

// ForTest makes a Net for one test and closes it afterwards. Without root, or
// without one of the tools, the test is skipped; it fails instead where
// PBXJAIL_KERNEL=1 says that the kernel must be tested.
func ForTest(t testing.TB, tools ...string) *Net {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("PBXJAIL_KERNEL") == "1" {
		missing = t.Fatalf
	}
	if os.Geteuid() != 0 {
		missing("network namespaces need root")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing("this test needs %s: %v", tool, err)
		}
	}
	n, err := New()
	if err != nil {
		t.Fatalf("make the namespaces: %v", err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close the namespaces: %v", err)
		}
	})
	return n
}
