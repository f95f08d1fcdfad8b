//go:build unix

package cmd

import (
	"os"
	"os/exec"
	"syscall"
)

// terminate asks a process to end.
const terminate = syscall.SIGTERM

// childSignals are passed on to the command.
func childSignals() []os.Signal {
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}
}

func childGroup(c *exec.Cmd, own bool) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: own} }

// tellChild sends a signal; the command may have ended meanwhile.
func tellChild(c *exec.Cmd, own bool, s os.Signal) {
	pid := c.Process.Pid
	if own {
		pid = -pid
	}
	syscall.Kill(pid, s.(syscall.Signal))
}

func killChild(c *exec.Cmd, own bool) { tellChild(c, own, syscall.SIGKILL) }

func signalNumber(s *os.ProcessState) int { return int(s.Sys().(syscall.WaitStatus).Signal()) }
