//go:build !man

package main

import "github.com/spf13/cobra"

// manVerbs is empty: only the build that makes packages writes manual pages.
func manVerbs() []*cobra.Command { return nil }
