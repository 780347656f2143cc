package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"drover.dev/internal/forecast"
	"github.com/spf13/cobra"
)

// keptModel are the files of fitted models that forecast run writes and reads.
type keptModel struct{ save, load string }

func (k *keptModel) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&k.save, "save", "", "keep the fitted model in this file")
	f.StringVar(&k.load, "load", "", "forecast with the model of this file, without a fit")
}

// check refuses flags that mean nothing beside a model that is fitted already.
func (k *keptModel) check(cmd *cobra.Command, files []string) error {
	if k.load == "" {
		if len(files) == 0 {
			return usageError{errors.New("there is nothing to forecast"), "name a CSV file, or a fitted model with --load"}
		}
		return nil
	}
	for _, name := range []string{"model", "season", "order", "seasonal", "method", "seed"} {
		if cmd.Flags().Changed(name) {
			return usageError{fmt.Errorf("--%s does not go with --load: the model is fitted already", name), "leave out one of the two"}
		}
	}
	return nil
}

func (k *keptModel) read() (forecast.Kept, error) {
	f, err := os.Open(k.load)
	if err != nil {
		return forecast.Kept{}, usageError{err, "name a file that --save has written"}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, forecast.MaxFrozen+1))
	if err != nil {
		return forecast.Kept{}, fmt.Errorf("read a fitted model: %w", err)
	}
	m, err := forecast.Thaw(data)
	if err != nil {
		return m, usageError{fmt.Errorf("%s: %w", k.load, err), "name a file that --save has written, or fit the model anew without --load"}
	}
	return m, nil
}

// follow takes in what a file holds beyond what the model has seen.
func (k *keptModel) follow(m forecast.Kept, values []float64, path string, notes []string) (forecast.Kept, []string, error) {
	next, err := m.Follow(values)
	if err != nil {
		return m, nil, usageError{fmt.Errorf("%s: %w", path, err), "give the same column, from its beginning, or fit the model anew without --load"}
	}
	return next, append(notes, fmt.Sprintf("fitted before, to %d values; %d more were taken in without a fit", m.Seen, next.Seen-m.Seen)), nil
}

// store writes the model whole, or not at all.
func (k *keptModel) store(m forecast.Kept) error {
	if k.save == "" {
		return nil
	}
	data, err := m.Freeze()
	if err == nil {
		err = os.WriteFile(k.save+".new", data, 0o600)
	}
	if err == nil {
		err = os.Rename(k.save+".new", k.save)
	}
	if err != nil {
		return fmt.Errorf("keep the fitted model: %w", err)
	}
	return nil
}
