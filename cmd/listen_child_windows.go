package cmd

import (
	"os"
	"os/exec"
	"syscall"
)

// terminate asks a process to end.
const terminate = syscall.SIGKILL

// childSignals are passed on to the command; the console tells it of
// interrupts itself.
func childSignals() []os.Signal { return []os.Signal{os.Interrupt} }

func childGroup(*exec.Cmd, bool) {}

func tellChild(c *exec.Cmd, _ bool, s os.Signal) {
	if s != os.Interrupt {
		c.Process.Signal(s)
	}
}

func killChild(c *exec.Cmd, _ bool) { c.Process.Kill() }

func signalNumber(*os.ProcessState) int { return 0 }
