package hint

import (
	"fmt"
)

// The hint of an error is found through all that wraps the error.
func ExampleOf() {
	err := fmt.Errorf("start: %w", New("run it as root", "no permission to change the firewall"))
	fmt.Println(err)
	fmt.Println("hint:", Of(err))
	// Output:
	// start: no permission to change the firewall
	// hint: run it as root
}
