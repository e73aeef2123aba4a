// Who may follow which calls: the onSubscribe handler of the namespace `calls`.
// AppSync has authenticated the caller before; IAM policies end at the namespace, so the clinic is checked here.
// `ACCESS` is appended by the construct: {claim, scope, roles: [{role, clinic}]}.
import { util } from '@aws-appsync/utils'

export function onSubscribe(ctx) {
  // "/calls/{clinic_id}/{call_id}", or "/calls/{clinic_id}/*" for all calls of the clinic.
  const segments = ctx.info.channel.segments
  if (segments.length !== 3 || !clinicsOf(ctx.identity ?? {}).includes(segments[1])) {
    util.unauthorized()
  }
}

function clinicsOf(identity) {
  if (identity.claims) {
    // A token that was issued for another app of the user pool has other scopes.
    if (ACCESS.scope && !(identity.claims.scope ?? '').split(' ').includes(ACCESS.scope)) {
      return []
    }
    const claimed = identity.claims[ACCESS.claim] ?? []
    return typeof claimed === 'string' ? [claimed] : claimed
  }
  // arn:{partition}:sts::{account}:assumed-role/{role}/{session}
  const arn = (identity.userArn ?? '').split('/')
  if (arn.length !== 3 || !arn[0].endsWith(':assumed-role')) {
    return []
  }
  return ACCESS.roles.filter((grant) => grant.role === arn[1]).map((grant) => grant.clinic)
}
