package configs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"pbxjail/configs"
	"pbxjail/configs/hint"
)

// An unknown key is an error with its file, its line and a hint.
func ExampleLoadMain() {
	dir, err := os.MkdirTemp("", "configs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "pbxjail.yaml")
	if err := os.WriteFile(path, []byte("ipv6: 56\nenforcerr: ipset\n"), 0o644); err != nil {
		fmt.Println(err)
		return
	}
	_, err = configs.LoadMain(path, true)
	fmt.Println(strings.ReplaceAll(fmt.Sprint(err), dir, "/etc/pbxjail"))
	fmt.Println("hint:", hint.Of(err))

	main, _ := configs.LoadMain(filepath.Join(dir, "none.yaml"), false)
	fmt.Println(main.IPv6, main.Enforcer)
	// Output:
	// /etc/pbxjail/pbxjail.yaml:2: unknown key "enforcerr"
	// hint: did you mean enforcer?
	// 64 auto
}
