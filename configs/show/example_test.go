package show

import (
	"fmt"
	"time"
)

// Text from a log may hold anything. No terminal obeys what Terminal returns.
func ExampleTerminal() {
	fmt.Println(Terminal("account \x1b[2J201"))
	// Output: account \x1b[2J201
}

// Durations are written as the configuration has them.
func ExampleDuration() {
	fmt.Println(Duration(90*time.Minute), Duration(48*time.Hour))
	// Output: 1h30m 2d
}
