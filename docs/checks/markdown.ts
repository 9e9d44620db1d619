/**
 * Reads the little of Markdown that the checks need: fenced code, links, headings. Must never
 * take code for prose: a link inside a code block is no link.
 */

/** A fenced block of code. */
export interface CodeBlock {
  /** What stands behind the opening fence, e.g. 'ts no-run'. */
  readonly info: string
  readonly code: string
  /** The line of the first line of code, counted from 1. */
  readonly line: number
}

/** Every fenced block. One that is never closed runs to the end, as Markdown has it. */
export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = []
  let open: { fence: string; indent: number; info: string; line: number; code: string[] } | null =
    null
  for (const [index, text] of [...lines(markdown), null].entries()) {
    if (open === null) {
      const fence = text === null ? null : /^(\s*)(`{3,}|~{3,})\s*([^`]*)$/.exec(text)
      if (fence === null) continue
      const [, indent = '', marks = '', info = ''] = fence
      open = { fence: marks, indent: indent.length, info: info.trim(), line: index + 2, code: [] }
    } else if (text === null || closes(text, open.fence)) {
      blocks.push({ info: open.info, code: open.code.join('\n'), line: open.line })
      open = null
    } else {
      const indented = text.slice(0, open.indent).trim() === ''
      open.code.push(indented ? text.slice(open.indent) : text.trimStart())
    }
  }
  return blocks
}

/** The text without its code: blocks and spans are emptied, every line stays where it was. */
function prose(markdown: string): string {
  const text = [...lines(markdown)]
  for (const { line, code } of codeBlocks(markdown)) {
    for (let at = line - 1; at < line - 1 + code.split('\n').length; at += 1) text[at] = ''
  }
  return text.join('\n').replaceAll(/(`+)[^`\n](?:.*?[^`\n])?\1(?!`)/g, '')
}

/** Where the links and images point, with the line of each. */
export function links(markdown: string): { readonly target: string; readonly line: number }[] {
  return prose(markdown)
    .split('\n')
    .flatMap((text, index) => {
      const inline = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)]
      const reference = [...text.matchAll(/^\s*\[[^\]]+\]:\s*<?([^\s>]+)/g)]
      return [...inline, ...reference].map(([, target = '']) => ({ target, line: index + 1 }))
    })
}

/** The anchors of the headings, made as hosts of repositories make them. */
export function anchors(markdown: string): Set<string> {
  const found = new Set<string>()
  const withoutBlocks = [...lines(markdown)]
  for (const { line, code } of codeBlocks(markdown)) {
    for (let at = line - 1; at < line - 1 + code.split('\n').length; at += 1) withoutBlocks[at] = ''
  }
  for (const text of withoutBlocks) {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(text)?.[1]
    if (heading === undefined) continue
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const anchor = words.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-')
    let unique = anchor
    for (let copy = 1; found.has(unique); copy += 1) unique = `${anchor}-${copy}`
    found.add(unique)
  }
  return found
}

function lines(markdown: string): string[] {
  return markdown.split(/\r?\n/)
}

function closes(text: string, fence: string): boolean {
  const end = text.trim()
  return end.startsWith(fence) && end.replaceAll(fence.charAt(0), '') === ''
}
