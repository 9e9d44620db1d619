import { expect, it, vi } from 'vitest'
import { lifetime } from '../src/lifetime.ts'

it('what is open is closed at the end', async () => {
  const life = lifetime()
  const close = vi.fn(() => Promise.resolve())
  expect(await life.open(() => Promise.resolve({ close }))).toEqual({ close })
  await life.end()
  expect(close).toHaveBeenCalledOnce()
})

it('what is still being opened when the end comes is closed as soon as it is open', async () => {
  const life = lifetime()
  const close = vi.fn(() => Promise.resolve())
  const openers: (() => void)[] = []
  const opened = life.open(() => new Promise((resolve) => openers.push(() => resolve({ close }))))
  const ended = life.end()
  expect(close).not.toHaveBeenCalled()
  for (const open of openers) open()
  await ended
  expect([await opened, close.mock.calls.length]).toEqual([null, 1])
})

it('nothing is opened after the end', async () => {
  const life = lifetime()
  await life.end()
  const make = vi.fn(() => Promise.reject(new Error('It is too late.')))
  expect(await life.open(make)).toBeNull()
  expect(make).not.toHaveBeenCalled()
})

it('what cannot be opened is told of, and keeps no end from coming', async () => {
  const life = lifetime()
  const opened = life.open(() => Promise.reject(new Error('It is locked.')))
  await Promise.all([life.end(), expect(opened).rejects.toThrow('It is locked.')])
})
