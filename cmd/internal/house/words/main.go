// Command words counts the words that this project avoids, and prints where they are:
// words that readers with English as a second language have to look up. It reads Go files
// (comments, strings and declared names), Markdown and YAML; it changes nothing. People run
// it with "make words"; package house keeps the count from growing.
//
//	go run ./cmd/internal/house/words [DIRECTORY]
package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"pbxjail/cmd/internal/house/words/count"
)

func main() {
	top := "."
	if len(os.Args) > 1 {
		top = os.Args[1]
	}
	list, err := count.Tree(top)
	if err != nil {
		fmt.Fprintln(os.Stderr, "words:", err)
		os.Exit(1)
	}
	print(os.Stdout, list)
}

// print lists each use, then the sums for each word and for each top folder.
func print(w io.Writer, list []count.Use) {
	words, folders := map[string]int{}, map[string]int{}
	for _, u := range list {
		fmt.Fprintf(w, "%s:%d: %s: %s\n", u.File, u.Line, u.Word, u.Text)
		words[u.Word]++
		folders[u.Folder()]++
	}
	fmt.Fprintln(w)
	sums(w, words)
	fmt.Fprintln(w)
	sums(w, folders)
	fmt.Fprintf(w, "\n%5d together\n", len(list))
}

func sums(w io.Writer, of map[string]int) {
	names := slices.SortedFunc(maps.Keys(of), func(a, b string) int {
		return cmp.Or(of[b]-of[a], cmp.Compare(a, b))
	})
	for _, name := range names {
		fmt.Fprintf(w, "%5d %s\n", of[name], name)
	}
}
