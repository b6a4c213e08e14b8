# Height 1 never got its Prepares, height 2 was prepared: the new view fills the gap with an empty block.

> cluster 4
> lose Prepare 1
> lose Prepare 2
> lose Prepare 3
> propose 0 a
height 1, view 0
> deliver
PrePrepare v0 h1 2141fead x1 by 0 -> 1 2 3
> heal
> wait 5
> lose Commit
> propose 0 b
height 2, view 0
> deliver
PrePrepare v0 h2 6baae8c8 x1 by 0 -> 1 2 3
Prepare v0 h2 6baae8c8 by 1 -> 0 2 3
Prepare v0 h2 6baae8c8 by 2 -> 0 1 3
Prepare v0 h2 6baae8c8 by 3 -> 0 1 2
> heal
> down 0
> timeout 1
> timeout 2
> deliver
ViewChange v1 stable 0 prepared 2@v0 by 1 -> 2 3
ViewChange v1 stable 0 prepared 2@v0 by 2 -> 1 3
ViewChange v1 stable 0 prepared 2@v0 by 3 -> 1 2
NewView v1 from 3 re-proposes 2 by 1 -> 2 3
Prepare v1 h1 146c798a by 2 -> 1 3
Prepare v1 h2 6baae8c8 by 2 -> 1 3
Prepare v1 h1 146c798a by 3 -> 1 2
Prepare v1 h2 6baae8c8 by 3 -> 1 2
Commit v1 h1 146c798a by 3 -> 1 2
Commit v1 h2 6baae8c8 by 3 -> 1 2
Commit v1 h1 146c798a by 1 -> 2 3
Commit v1 h1 146c798a by 2 -> 1 3
Commit v1 h2 6baae8c8 by 1 -> 2 3
Commit v1 h2 6baae8c8 by 2 -> 1 3
HeaderVote h1 1de7ac93 by 2 -> 1 3
HeaderVote h1 1de7ac93 by 1 -> 2 3
HeaderVote h1 1de7ac93 by 3 -> 1 2
HeaderVote h2 5ff1670d by 2 -> 1 3
HeaderVote h2 5ff1670d by 1 -> 2 3
HeaderVote h2 5ff1670d by 3 -> 1 2
> show
0 (down): view 0, certified 0, chain empty
1: view 1, certified 2, chain [] [b]
2: view 1, certified 2, chain [] [b]
3: view 1, certified 2, chain [] [b]
