// Command picture prints how the program hangs together: which package imports which,
// and in each package how many files use another one. People run it to see whether a
// change made the house simpler. It reads sources only; it builds and changes nothing.
//
//	go run ./cmd/internal/house/picture [DIRECTORY]
//
// DIRECTORY is the top of a source tree with a go.mod; the default is the current one.
package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	top := "."
	if len(os.Args) > 1 {
		top = os.Args[1]
	}
	rooms, err := read(top)
	if err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
	draw(os.Stdout, rooms)
}

// draw prints the arrows between packages, then those between the files of each.
func draw(w io.Writer, rooms []room) {
	total := 0
	fmt.Fprintln(w, "PACKAGE IMPORTS (of ours)")
	for _, r := range rooms {
		total += len(r.imports)
		fmt.Fprintf(w, "  %s -> %s\n", r.name, strings.Join(r.imports, " "))
	}
	fmt.Fprintf(w, "  together: %d packages, %d arrows\n\n", len(rooms), total)
	fmt.Fprintf(w, "%-28s %6s %6s %8s\n", "PACKAGE", "FILES", "LINES", "ARROWS")
	byArrows := slices.Clone(rooms)
	slices.SortStableFunc(byArrows, func(a, b room) int { return len(b.arrows) - len(a.arrows) })
	for _, r := range byArrows {
		fmt.Fprintf(w, "%-28s %6d %6d %8d\n", r.name, r.files, r.lines, len(r.arrows))
	}
	fmt.Fprintln(w, "\nAn arrow inside a package: one file uses a type, function, method, variable or")
	fmt.Fprintln(w, "constant that another one declares. Each pair of files counts once; tests do not.")
}
