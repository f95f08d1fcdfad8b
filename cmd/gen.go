package cmd

//go:generate go -C .. run ./cmd/gen
