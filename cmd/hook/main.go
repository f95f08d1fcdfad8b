// Command hook brings webhooks to localhost.
package main

import (
	"os"

	"github.com/hookrelay/hook/cmd"
)

func main() { os.Exit(cmd.Main()) }
